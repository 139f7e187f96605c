// Fusing changes no number: random graphs full of cells, and of what almost is one, against plain loops in double.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "frame.h"
#include "lowering.h"
#include "onnx_writer.h"

namespace learn_rt {
namespace {

using testing::OnnxWriter;

// A value of the graph and what it is.
struct Known {
  std::string name;
  std::vector<double> is;
};

// Writes a random graph of vectors and computes it as it goes.
class RandomGraph {
 public:
  RandomGraph(unsigned seed, std::size_t hidden) : random_(seed), n_(hidden) {
    for (std::size_t k = 0; k <= 4 * n_; ++k) {
      writer_.integers("at" + std::to_string(k), {static_cast<std::int64_t>(k)});
    }
    writer_.integers("axis", {1});
    for (const std::size_t size : {4 * n_, 4 * n_, n_, n_, std::size_t{1}}) {
      const std::string name = "input" + std::to_string(inputs_.size());
      std::vector<float> values(size);
      for (float& v : values) v = std::uniform_real_distribution<float>(-2.0F, 2.0F)(random_);
      const Known input{name, {values.begin(), values.end()}};
      writer_.input(name, {-1, static_cast<std::int64_t>(size)});
      inputs_.push_back({name, values});
      add(input);
    }
    std::vector<float> bias(4 * n_, 0.25F);
    writer_.floats("bias", {1, static_cast<std::int64_t>(4 * n_)}, bias);
    add({"bias", {bias.begin(), bias.end()}});
    for (int k = 0; k < 30; ++k) some();
  }

  // Lowers it, runs it, and compares some of its values.
  void check() {
    std::vector<Known> asked;
    for (const Known& value : values_) {
      if (value.name.rfind("v", 0) == 0 && random_() % 3 == 0) asked.push_back(value);
    }
    for (const Known& value : asked) writer_.output(value.name);
    std::map<std::string, Shape> shapes;
    for (const auto& [name, values] : inputs_) shapes[name] = {1, static_cast<std::int64_t>(values.size())};
    const Program program = lower(read_onnx(writer_.model()), shapes);
    for (const Instruction& instruction : program.instructions) {
      cells += dynamic_cast<const LstmCellOperation*>(instruction.operation.get()) != nullptr ? 1 : 0;
    }
    Frame frame(program, std::vector<std::size_t>(program.buffers.size(), 1));
    for (const auto& [name, values] : inputs_) {
      std::copy(values.begin(), values.end(), frame.at(program.input(name)).data);
    }
    for (std::size_t i = 0; i < program.instructions.size(); ++i) frame.run(i, 0, 1);
    for (const Known& value : asked) {
      const float* got = frame.read(program.output(value.name)).data;
      for (std::size_t i = 0; i < value.is.size(); ++i) {
        ASSERT_NEAR(got[i], value.is[i], 1e-5 * (1.0 + std::abs(value.is[i]))) << value.name;
      }
    }
  }

  int cells = 0;

 private:
  using Two = std::function<double(double, double)>;

  bool toss() { return random_() % 2 == 0; }

  const Known& add(Known value) {
    values_.push_back(std::move(value));
    return values_.back();
  }

  Known any(std::size_t size) {
    std::vector<const Known*> fitting;
    for (const Known& value : values_) {
      if (value.is.size() == size) fitting.push_back(&value);
    }
    return *fitting[random_() % fitting.size()];
  }

  Known node(const std::string& op, const std::vector<std::string>& inputs, std::vector<double> is) {
    const std::string name = "v" + std::to_string(values_.size());
    writer_.node(op, inputs, {name});
    return add({name, std::move(is)});
  }

  Known one(const std::string& op, const Known& x) {
    std::vector<double> is;
    for (const double v : x.is) is.push_back(op == "Tanh" ? std::tanh(v) : 1.0 / (1.0 + std::exp(-v)));
    return node(op, {x.name}, is);
  }

  Known two(const std::string& op, Known a, Known b) {
    if (toss()) std::swap(a, b);
    const std::size_t size = std::max(a.is.size(), b.is.size());
    std::vector<double> is;
    for (std::size_t i = 0; i < size; ++i) {
      const double left = a.is[a.is.size() == 1 ? 0 : i], right = b.is[b.is.size() == 1 ? 0 : i];
      is.push_back(op == "Add" ? left + right : left * right);
    }
    return node(op, {a.name, b.name}, is);
  }

  Known part(const Known& z, std::size_t from) {
    const std::vector<double> is(z.is.begin() + static_cast<std::ptrdiff_t>(from),
                                 z.is.begin() + static_cast<std::ptrdiff_t>(from + n_));
    return node("Slice", {z.name, "at" + std::to_string(from), "at" + std::to_string(from + n_), "axis"}, is);
  }

  // A cell, or almost one: gates that overlap or come from elsewhere, a second h of the same c.
  void cell() {
    const Known z = toss() ? two("Add", any(4 * n_), any(4 * n_)) : any(4 * n_);
    std::vector<std::size_t> at{0, n_, 2 * n_, 3 * n_};
    std::shuffle(at.begin(), at.end(), random_);
    if (random_() % 4 == 0) at[random_() % 4] = random_() % (3 * n_ + 1);
    const Known g = random_() % 6 == 0 ? any(n_) : part(z, at[2]);
    const Known c = random_() % 6 == 0 ? any(1) : any(n_);
    const Known kept = two("Mul", one("Sigmoid", part(z, at[1])), c);
    const Known added = two("Mul", one("Sigmoid", part(z, at[0])), one("Tanh", g));
    Known next = two("Add", kept, added);
    if (toss()) next = two("Mul", next, random_() % 3 == 0 ? any(n_) : any(1));
    two("Mul", one("Sigmoid", part(z, at[3])), one("Tanh", next));
    if (random_() % 3 == 0) two("Mul", one("Sigmoid", part(z, random_() % (3 * n_ + 1))), one("Tanh", next));
  }

  void some() {
    const std::size_t size = toss() ? n_ : toss() ? 4 * n_ : 1;
    switch (random_() % 5) {
      case 0:
        one("Tanh", any(size));
        break;
      case 1:
        two("Add", one("Tanh", any(size)), one("Tanh", any(toss() ? size : 1)));
        break;
      default:
        cell();
    }
  }

  std::mt19937 random_;
  std::size_t n_;
  OnnxWriter writer_;
  std::vector<std::pair<std::string, std::vector<float>>> inputs_;
  std::vector<Known> values_;
};

TEST(Fusion, ChangesNoNumber) {
  int cells = 0;
  for (unsigned seed = 0; seed < 400; ++seed) {
    RandomGraph graph(seed, 1 + seed % 21);
    ASSERT_NO_FATAL_FAILURE(graph.check()) << "seed " << seed;
    cells += graph.cells;
  }
  EXPECT_GT(cells, 1000);
}

TEST(Fusion, AGraphThatReadsItselfIsRefused) {
  for (const char* read : {"c.next", "h"}) {
    OnnxWriter w;
    w.input("z", {-1, 4});
    w.node("Sigmoid", {"z"}, {"s"});
    w.node("Tanh", {"z"}, {"t"});
    w.node("Mul", {"s", read}, {"kept"});
    w.node("Mul", {"s", "t"}, {"added"});
    w.node("Add", {"kept", "added"}, {"c.next"});
    w.node("Tanh", {"c.next"}, {"squashed"});
    w.node("Mul", {"s", "squashed"}, {"h"});
    w.output("h");
    EXPECT_THROW(lower(read_onnx(w.model()), {{"z", {1, 4}}}), std::runtime_error) << read;
  }
}

// Every instruction is looked at once: the time of a graph with the most nodes is that of reading it.
TEST(Fusion, ALongChainOfSumsAndProductsEnds) {
  OnnxWriter w;
  w.input("x", {-1, 4});
  std::string last = "x";
  for (int k = 0; k < 30'000; ++k) {
    const std::string next = "v" + std::to_string(k);
    w.node(k % 3 == 0   ? "Add"
           : k % 3 == 1 ? "Mul"
                        : "Tanh",
           k % 3 == 2 ? std::vector<std::string>{last} : std::vector<std::string>{last, last}, {next});
    last = next;
  }
  w.output(last);
  EXPECT_EQ(lower(read_onnx(w.model()), {{"x", {1, 4}}}).instructions.size(), 30'000U);
}

}  // namespace
}  // namespace learn_rt
