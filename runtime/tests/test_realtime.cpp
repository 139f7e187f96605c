// The real-time path does no system call and takes no memory. Not under sanitizers, which do both.

#include <gtest/gtest.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "model_writer.h"
#include "onnx_writer.h"
#include "small_model.h"
#include "small_rollout.h"

// glibc's own, under the hooks.
extern "C" void* __libc_malloc(std::size_t size);
extern "C" void __libc_free(void* memory);

namespace {

thread_local bool no_memory = false;

void check_memory() {
  if (no_memory) std::abort();
}

}  // namespace

// NOLINTBEGIN: replacing the allocator is the point
extern "C" void* malloc(std::size_t size) {
  check_memory();
  return __libc_malloc(size);
}
extern "C" void free(void* memory) {
  check_memory();
  __libc_free(memory);
}
// NOLINTEND

namespace learn_rt {
namespace {

using testing::OnnxWriter;
using testing::SmallModel;

bool forbid_system_calls() {
  sock_filter allow_exit[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_exit, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
  };
  const sock_fprog program{4, allow_exit};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

struct Attempt {
  Session* session;
  const float* samples;
  std::size_t n;
  void (*extra)() = nullptr;  // something forbidden, to see that the filter bites
  bool filtered = false;
  bool finished = false;
};

void* run_filtered(void* argument) {
  Attempt& run = *static_cast<Attempt*>(argument);
  constexpr std::size_t kMost = 8;
  float y[kMost * kMost];
  std::uint32_t flags[kMost];
  if (run.session->n_outputs() > kMost || run.session->preview() > kMost) std::abort();
  const std::size_t n_features = run.session->n_features();
  run.filtered = forbid_system_calls();
  no_memory = true;
  run.session->begin(run.samples);
  for (std::size_t k = 0; k < run.n; ++k) {
    run.session->step(run.samples + k * n_features, y);
    if (k % 3 != 0) run.session->settle();
  }
  run.session->flush(y, flags);
  if (run.extra != nullptr) run.extra();
  run.finished = true;
  no_memory = false;
  syscall(__NR_exit, 0);  // the one call that is allowed: returning would make others
  return nullptr;
}

void run_in_filtered_thread(Attempt& run) {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, run_filtered, &run) == 0) pthread_join(thread, nullptr);
}

Attempt run_lanes(void (*extra)()) {
  SmallModel model;
  model.write(R"(, "envelope": {"value": 0.05, "rate": 1.0, "second": 50.0})");
  const auto session = model.load()->open();
  auto samples = SmallModel::walk(1000);
  samples[500 * SmallModel::kFeatures] = NAN;  // a refusal is real-time too
  Attempt run{session.get(), samples.data(), 1000, extra};
  run_in_filtered_thread(run);
  return run;
}

// Runs a model of another kind: 3 features, 2 outputs, its graph under the file's name.
Attempt run_kind(const std::string& keys, const std::string& file, const std::string& graph, const std::string& shape) {
  const std::filesystem::path folder = testing::temporary_folder();
  const std::string signals = R"([{"name": "a", "unit": "m"}, {"name": "b", "unit": "m"})";
  const std::string spec =
      R"({"format": "learn_rt.spec/1", "name": "kind", "dt_s": 0.01, "tolerance": 1e9, "contract_hash": ")" +
      std::string(64, 'a') + R"(", "inputs": )" + signals + R"(, {"name": "c", "unit": "m"}], "outputs": )" + signals +
      "], " + keys + "}";
  std::size_t elements = 1;
  std::istringstream sizes(shape);
  for (std::string size; std::getline(sizes, size, ',');) elements *= std::stoul(size);
  testing::write_model_folder(folder, spec, {{file, graph}},
                              {shape, std::vector<float>(elements, 0.5F), "1, 2", std::vector<double>(2, 0.0)});
  const auto model = Model::load(folder, "native");
  std::filesystem::remove_all(folder);
  const auto session = model->open();
  auto samples = SmallModel::walk(1000);
  samples[500 * SmallModel::kFeatures] = NAN;
  Attempt run{session.get(), samples.data(), 1000};
  run_in_filtered_thread(run);
  return run;
}

// [.., 3] through every kind of function, a softmax and a matrix, to y [1, 2].
void write_head(OnnxWriter& w, const std::string& from, std::int64_t n) {
  w.floats("exponent", {}, {1.7F});
  w.floats("matrix", {n, 2}, std::vector<float>(static_cast<std::size_t>(2 * n), 0.1F));
  w.floats("wide", {n, n}, std::vector<float>(static_cast<std::size_t>(n * n), 0.2F));
  w.node("Gelu", {from}, {"gelu"});
  w.node("Sin", {"gelu"}, {"sin"});
  w.node("Softplus", {"sin"}, {"softplus"});
  w.node("Pow", {"softplus", "exponent"}, {"pow"});
  w.node("Log", {"pow"}, {"log"});
  w.node("Atan", {"log"}, {"atan"});
  w.node("MatMul", {"atan", "wide"}, {"product"});
  w.node("Greater", {"product", "exponent"}, {"truth"});
  w.node("Where", {"truth", "product", "atan"}, {"chosen"});
  w.node("Softmax", {"chosen"}, {"softmax"});
  w.node("ReduceMean", {"softmax"}, {"mean"});
  w.node("Sub", {"softmax", "mean"}, {"away"});
  w.node("MatMul", {"away", "matrix"}, {"y"});
  w.output("y");
}

std::string pointwise_graph() {
  OnnxWriter w;
  w.input("x", {-1, 3});
  w.floats("up", {3, 24}, std::vector<float>(72, 0.3F));
  w.node("MatMul", {"x", "up"}, {"h"});
  write_head(w, "h", 24);
  return w.model();
}

std::string convolution_graph() {
  OnnxWriter w;
  w.input("x", {-1, 20, 3});
  w.floats("w1", {5, 3, 3}, std::vector<float>(45, 0.2F));
  w.floats("w2", {10, 1, 2}, std::vector<float>(20, 0.3F));
  for (const char* name : {"scale", "offset", "mean_of", "var"}) w.floats(name, {5}, std::vector<float>(5, 0.7F));
  w.node("Transpose", {"x"}, {"t"}, {{"perm", 0, {0, 2, 1}}});
  w.node("Conv", {"t", "w1"}, {"c1"}, {{"pads", 0, {1, 1}}});
  w.node("BatchNormalization", {"c1", "scale", "offset", "mean_of", "var"}, {"n"});
  w.node("LeakyRelu", {"n"}, {"l"});
  w.node("MaxPool", {"l"}, {"m"}, {{"kernel_shape", 0, {2}}, {"strides", 0, {2}}});
  w.node("Conv", {"m", "w2"}, {"c2"}, {{"group", 5}, {"strides", 0, {2}}});
  w.node("AveragePool", {"c2"}, {"a"}, {{"kernel_shape", 0, {2}}, {"pads", 0, {1, 0}}});
  w.node("Flatten", {"a"}, {"f"});
  write_head(w, "f", 50);
  return w.model();
}

std::string stateful_graph() {
  OnnxWriter w;
  w.input("x", {-1, 3});
  w.input("state.h", {-1, 24});
  w.floats("up", {3, 24}, std::vector<float>(72, 0.3F));
  w.floats("keep", {24, 24}, std::vector<float>(576, 0.02F));
  w.node("MatMul", {"x", "up"}, {"u"});
  w.node("MatMul", {"state.h", "keep"}, {"k"});
  w.node("Add", {"u", "k"}, {"sum"});
  w.node("Tanh", {"sum"}, {"state.h.next"});
  write_head(w, "state.h.next", 24);
  w.output("state.h.next");
  return w.model();
}

TEST(RealTime, StepsAndSettlesWithoutASystemCallOrMemory) {
  const Attempt run = run_lanes(nullptr);
  ASSERT_TRUE(run.filtered);
  EXPECT_TRUE(run.finished);
}

TEST(RealTime, SoDoesEveryOtherKindOfSession) {
  for (const Attempt& run :
       {run_kind(R"("kind": "pointwise")", "model.onnx", pointwise_graph(), "1, 3"),
        run_kind(R"("kind": "window", "window": 20, "preview": 3)", "model.onnx", convolution_graph(), "1, 20, 3"),
        run_kind(R"("kind": "stateful", "forgetting": 30, "states": [{"name": "h", "shape": [24], "scope": "stream"}])",
                 "step.onnx", stateful_graph(), "1, 50, 3")}) {
    ASSERT_TRUE(run.filtered);
    EXPECT_TRUE(run.finished);
  }
}

struct RolloutAttempt {
  RolloutSession* session;
  std::vector<float> rows, actions, states;
  std::vector<std::uint32_t> flags;
  bool filtered = false;
  bool finished = false;
};

void* roll_out_filtered(void* argument) {
  RolloutAttempt& run = *static_cast<RolloutAttempt*>(argument);
  const std::size_t n_states = run.session->n_states(), row = n_states + run.session->n_actions();
  run.filtered = forbid_system_calls();
  no_memory = true;
  run.session->begin(run.rows.data());
  for (std::size_t t = 1; t < run.rows.size() / row; ++t) {
    run.session->observe(&run.rows[t * row], &run.rows[(t - 1) * row + n_states]);
    run.session->rollout(run.actions.data(), 1 + 37 * t % 100, 1 + t % 10, run.states.data(), run.flags.data());
  }
  run.finished = true;
  no_memory = false;
  syscall(__NR_exit, 0);
  return nullptr;
}

TEST(RealTime, SoDoRollouts) {
  const testing::SmallRollout model(true);
  const auto session = model.load()->open_rollout();
  RolloutAttempt run{session.get(), SmallModel::walk(50), std::vector<float>(1000, 0.5F), std::vector<float>(2000),
                     std::vector<std::uint32_t>(100)};
  run.rows[60] = NAN;  // a refusal is real-time too
  run.actions[500] = NAN;
  pthread_t thread;
  if (pthread_create(&thread, nullptr, roll_out_filtered, &run) == 0) pthread_join(thread, nullptr);
  ASSERT_TRUE(run.filtered);
  EXPECT_TRUE(run.finished);
}

TEST(RealTime, TheFilterWouldSeeASystemCall) {
  const Attempt run = run_lanes([] { syscall(__NR_getpid); });
  ASSERT_TRUE(run.filtered);
  EXPECT_FALSE(run.finished);
}

TEST(RealTimeDeathTest, TheHookWouldSeeAnAllocation) {
  EXPECT_DEATH(
      {
        no_memory = true;
        static_cast<void>(std::vector<int>(100));
      },
      "");
}

}  // namespace
}  // namespace learn_rt

#endif
