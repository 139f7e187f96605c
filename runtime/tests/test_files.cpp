#include <gtest/gtest.h>
#include <sys/resource.h>

#include <fstream>
#include <iterator>

#include "learn_rt/spec.h"
#include "model_folder.h"
#include "npz.h"
#include "onnx_reader.h"
#include "onnx_writer.h"
#include "sha256.h"
#include "small_model.h"

namespace learn_rt {
namespace {

// A folder may list 64 files of 512 MiB: only those that are read here may stay in memory.
TEST(ModelFolder, FilesThatAreNotOursAreCheckedOneByOne) {
  const testing::SmallModel model;
  const std::string zeros(std::size_t{8} << 20, '\0'), sum = sha256(zeros);
  std::ofstream sums(model.folder() / "SHA256SUMS", std::ios::app);
  for (const char* name : {"a", "b", "c", "d", "e", "model.pt"}) {
    std::ofstream(model.folder() / name, std::ios::binary) << zeros;
    sums << sum << "  " << name << '\n';
  }
  sums.close();
  const auto most_kib = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  const long before = most_kib();
  EXPECT_EQ(ModelFolder::read(model.folder()).spec.name, "small");
#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed
  EXPECT_LT(most_kib() - before, 24 << 10);
#else
  EXPECT_GE(most_kib(), before);
#endif
  std::ofstream(model.folder() / "e", std::ios::binary) << "other";
  EXPECT_THROW(ModelFolder::read(model.folder()), std::runtime_error);
}

// FIPS 180-4's own examples, and the lengths around a block's end against each other.
TEST(Sha256, GivesThePublishedDigests) {
  for (const bool plain : {false, true}) {
    EXPECT_EQ(sha256("", plain), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256("abc", plain), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", plain),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256(std::string(1'000'000, 'a'), plain),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST(Sha256, TheProcessorsInstructionsAgreeWithPlainCodeAtEveryLength) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(sha256(bytes), sha256(bytes, true)) << i;
    bytes += static_cast<char>(i * 37);
  }
}

TEST(Npz, RefusesEveryTruncation) {
  const testing::SmallModel model;
  std::ifstream file(model.folder() / "golden.npz", std::ios::binary);
  const std::string whole(std::istreambuf_iterator<char>(file), {});
  const auto arrays = read_npz(whole);
  EXPECT_EQ(arrays.at("x").shape, (std::vector<std::size_t>{20, 6, 3}));
  EXPECT_EQ(arrays.at("y").doubles().size(), 40U);
  EXPECT_THROW(arrays.at("y").floats(), std::runtime_error);
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_THROW(read_npz(whole.substr(0, n)), std::runtime_error);
}

TEST(OnnxReader, RefusesEveryTruncationOrReadsLess) {
  testing::OnnxWriter writer;
  writer.input("x", {-1, 3});
  writer.floats("w", {3, 2}, {1, 2, 3, 4, 5, 6});
  writer.node("MatMul", {"x", "w"}, {"y"});
  writer.output("y");
  const std::string whole = writer.model();
  const OnnxGraph graph = read_onnx(whole);
  EXPECT_EQ(graph.opset, 20);
  EXPECT_EQ(graph.inputs.at(0).shape, (Shape{-1, 3}));
  EXPECT_EQ(graph.initializers.at("w").floats, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(graph.nodes.at(0).op, "MatMul");
  for (std::size_t n = 0; n < whole.size(); ++n) EXPECT_THROW(read_onnx(whole.substr(0, n)), std::runtime_error);
}

TEST(OnnxReader, NamesAnOpsetThatItDoesNotKnow) {
  testing::OnnxWriter writer;
  writer.input("x", {1});
  for (const std::int64_t opset : {0, 12, 27}) EXPECT_THROW(read_onnx(writer.model(opset)), std::runtime_error);
}

std::string parse_error(const std::string& text) {
  try {
    Spec::parse(text);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(Spec, NamesThePathOfWhatIsWrong) {
  const std::string hash(64, '0');
  const std::string good = R"({"format": "learn_rt.spec/1", "contract_hash": ")" + hash +
                           R"(", "name": "m", "kind": "pointwise", "dt_s": 0.01,
      "inputs": [{"name": "a", "unit": "m", "shape": [2], "history": 3}], "outputs": [{"name": "b", "unit": "m"}]})";
  const Spec spec = Spec::parse(good);
  EXPECT_EQ(spec.n_features(), 6U);
  EXPECT_EQ(spec.n_outputs(), 1U);
  EXPECT_EQ(spec.json, good);
  const auto with = [&good](const std::string& old, const std::string& fresh) {
    std::string text = good;
    return text.replace(text.find(old), old.size(), fresh);
  };
  EXPECT_EQ(parse_error(with(R"("shape": [2])", R"("shape": [0])")),
            "spec.json: expected a whole number from 1 to 16777216 - at $.inputs[0].shape");
  EXPECT_EQ(parse_error(with(R"("unit": "m")", R"("unit": 1)")), "spec.json: expected a string - at $.inputs[0].unit");
  EXPECT_EQ(parse_error(with(R"("dt_s")", R"("dt_ms")")), "spec.json: unknown key \"dt_ms\" - at $");
  EXPECT_EQ(parse_error(with("0.01", "-1")), "spec.json: must be above 0 - at $.dt_s");
  EXPECT_NE(parse_error(with("0.01", "0.01, \"dt_s\": 0.01")).find("appears twice"), std::string::npos);
  EXPECT_EQ(parse_error(with(R"("unit": "m")", R"("unit": "m", "nominal": 1e39)")),
            "spec.json: must fit a float - at $.inputs[0].nominal");
  EXPECT_NE(parse_error(std::string(1'000'000, '[')).find("nested deeper"), std::string::npos);
  EXPECT_NE(parse_error(std::string(5 << 20, ' ')).find("larger than"), std::string::npos);
}

}  // namespace
}  // namespace learn_rt
