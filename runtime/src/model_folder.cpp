#include "model_folder.h"

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>

#include "npz.h"
#include "sha256.h"

namespace learn_rt {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxFile = std::uintmax_t{512} << 20;

[[noreturn]] void fail(const fs::path& file, const std::string& what) {
  throw std::runtime_error(file.string() + ": " + what);
}

std::string read_file(const fs::path& file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) fail(file, "no such file");
  const std::uintmax_t size = fs::file_size(file, error);
  if (error) fail(file, error.message());
  if (size > kMaxFile) fail(file, "larger than " + std::to_string(kMaxFile) + " bytes");
  std::string bytes(size, '\0');
  std::ifstream stream(file, std::ios::binary);
  if (!stream.read(bytes.data(), static_cast<std::streamsize>(size)) || stream.get() != EOF)
    fail(file, "cannot be read");
  return bytes;
}

// The lines of `sha256sum`: 64 digits, a space, a space or '*', and a plain file name.
std::map<std::string, std::string> read_sums(const fs::path& file) {
  std::map<std::string, std::string> sums;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) continue;
    if (line.size() < 67 || line[64] != ' ' || (line[65] != ' ' && line[65] != '*')) fail(file, "not a sha256sum line");
    const std::string name = line.substr(66);
    if (name.find('/') != std::string::npos || name.find('\\') != std::string::npos || name[0] == '.') {
      fail(file, "\"" + name.substr(0, 128) + "\" is not a file of this folder");
    }
    if (!sums.emplace(name, line.substr(0, 64)).second) fail(file, name + " is listed twice");
    if (sums.size() > 64) fail(file, "more than 64 files");
  }
  return sums;
}

std::string to_string(const std::vector<std::size_t>& shape) {
  std::string text;
  for (const std::size_t n : shape) text += (text.empty() ? "" : ", ") + std::to_string(n);
  return "(" + text + ")";
}

const NpyArray& find(const std::map<std::string, NpyArray>& arrays, const fs::path& file, const std::string& name) {
  const auto found = arrays.find(name);
  if (found == arrays.end())
    fail(file, "must hold the arrays x and y, and of a rollout actions: " + name + " is missing");
  return found->second;
}

void check_shape(const fs::path& file, const char* name, const NpyArray& array, const std::vector<std::size_t>& shape) {
  if (array.shape != shape) fail(file, std::string(name) + " must have shape " + to_string(shape));
}

Golden read_golden(const fs::path& file, const std::string& bytes, const Spec& spec) {
  Golden golden;
  try {
    const auto arrays = read_npz(bytes);
    const bool rollout = spec.kind == Kind::kRollout;
    const NpyArray &x = find(arrays, file, "x"), &y = find(arrays, file, "y");
    const std::size_t sample = spec.n_features(), n = x.shape.empty() ? 0 : x.shape[0];
    const bool pointwise = x.shape == std::vector<std::size_t>{n, sample} && spec.window == 1 && !rollout;
    if (n == 0) {
      fail(file,
           "x must have shape (n, " + std::to_string(spec.window) + ", " + std::to_string(sample) + "), n above 0");
    }
    golden.steps = spec.window;
    if (spec.kind == Kind::kStateful && x.shape.size() == 3 && x.shape[1] > 0) golden.steps = x.shape[1];
    if (!pointwise) check_shape(file, "x", x, {n, golden.steps, sample});
    if (rollout) {
      const NpyArray& actions = find(arrays, file, "actions");
      check_shape(file, "actions", actions, {n, spec.horizon, spec.n_actions()});
      check_shape(file, "y", y, {n, spec.horizon, spec.n_outputs()});
      golden.actions = actions.floats();
    } else {
      check_shape(file, "y", y, {n, spec.n_outputs()});
    }
    golden.n = n;
    golden.x = x.floats();
    golden.y = y.doubles();
  } catch (const std::runtime_error& error) {
    const std::string what = error.what();
    if (what.rfind("npz: ", 0) == 0) fail(file, what.substr(5));
    throw;
  }
  for (const auto* values : {&golden.x, &golden.actions}) {
    for (const float v : *values) {
      if (!std::isfinite(v)) fail(file, "x or actions holds a value that is not finite");
    }
  }
  for (const double v : golden.y) {
    if (!std::isfinite(v)) fail(file, "y holds a value that is not finite");
  }
  return golden;
}

}  // namespace

ModelFolder ModelFolder::read(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) fail(folder, "no such folder: expected <repository>/<model>/<version>");
  const auto sums = read_sums(folder / "SHA256SUMS");
  std::map<std::string, std::string> files{
      {"spec.json", ""}, {"golden.npz", ""}, {"model.onnx", ""}, {"step.onnx", ""}};
  for (const auto& [name, sum] : sums) {
    std::string bytes = read_file(folder / name);
    if (sha256(bytes) != sum) fail(folder / name, "is not the file that SHA256SUMS lists");
    const auto ours = files.find(name);  // another is not kept: it may be large
    if (ours != files.end()) ours->second = std::move(bytes);
  }
  for (const char* name : {"spec.json", "golden.npz"}) {
    if (sums.count(name) == 0) fail(folder / "SHA256SUMS", std::string("does not list ") + name);
  }
  for (const char* name : {"model.onnx", "step.onnx", "model.pt"}) {
    if (sums.count(name) == 0 && fs::exists(folder / name, error)) {
      fail(folder / name, "is not listed in SHA256SUMS");
    }
    if (sums.count(name) != 0 && fs::file_size(folder / name, error) == 0) fail(folder / name, "is empty");
  }
  ModelFolder model;
  model.path = folder;
  try {
    model.spec = Spec::parse(std::move(files["spec.json"]));
  } catch (const std::runtime_error& cause) {
    fail(folder, cause.what());
  }
  model.golden = read_golden(folder / "golden.npz", files["golden.npz"], model.spec);
  model.model_onnx = std::move(files["model.onnx"]);
  model.step_onnx = std::move(files["step.onnx"]);
  return model;
}

}  // namespace learn_rt
