// liblearn_rt_torchscript.so: scripted modules behind the C interface of torchscript_abi.h. The one file that sees
// libtorch.

#include <ATen/Parallel.h>
#include <torch/script.h>

#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "torchscript_abi.h"

namespace {

// The profiling executor compiles anew on the second call, and up to 20 calls are slow.
constexpr int kWarmUpCalls = 24;

struct Module {
  torch::jit::Module module;
  std::vector<int64_t> sample, actions;  // the shapes of the inputs without their batch; no actions: empty
  size_t n_outputs = 0;                  // of one answer

  at::Tensor run(const float* x, const float* taken, size_t batch) {
    const auto tensor = [batch](const float* data, const std::vector<int64_t>& item) {
      std::vector<int64_t> shape{static_cast<int64_t>(batch)};
      shape.insert(shape.end(), item.begin(), item.end());
      return at::from_blob(const_cast<float*>(data), shape, at::kFloat);  // only read
    };
    std::vector<torch::jit::IValue> inputs{tensor(x, sample)};
    if (!actions.empty()) inputs.emplace_back(tensor(taken, actions));
    at::Tensor y = module.forward(std::move(inputs)).toTensor();
    if (y.scalar_type() != at::kFloat || y.numel() != static_cast<int64_t>(batch * n_outputs)) {
      throw std::runtime_error("model.pt answers with another size or type than the spec says");
    }
    return y.contiguous();
  }
};

int report(const char* cause, char* error, size_t error_size) {
  if (error_size == 0) return -1;
  std::strncpy(error, cause, error_size - 1);
  error[error_size - 1] = '\0';
  if (char* line = std::strchr(error, '\n')) *line = '\0';  // libtorch adds a stack trace
  return -1;
}

int load(const char* file, const learn_rt_torchscript_shape* shape, void** result, char* error, size_t error_size) {
  try {
    at::set_num_threads(1);
    const c10::InferenceMode guard;
    auto loaded = std::make_unique<Module>();
    torch::jit::Module scripted = torch::jit::load(file, at::kCPU);
    scripted.eval();
    loaded->module = torch::jit::freeze(scripted);
    const size_t window = shape->window, horizon = shape->horizon;
    if (window != 0) loaded->sample.push_back(static_cast<int64_t>(window));
    loaded->sample.push_back(static_cast<int64_t>(shape->n_features));
    if (horizon != 0) loaded->actions = {static_cast<int64_t>(horizon), static_cast<int64_t>(shape->n_actions)};
    loaded->n_outputs = shape->n_outputs * (horizon == 0 ? 1 : horizon);
    const std::vector<float> zeros((window == 0 ? 1 : window) * shape->n_features), still(horizon * shape->n_actions);
    for (int i = 0; i < kWarmUpCalls; ++i) loaded->run(zeros.data(), still.data(), 1);
    *result = loaded.release();
    return 0;
  } catch (const std::exception& cause) {
    return report(cause.what(), error, error_size);
  }
}

int infer(void* module, const float* x, const float* actions, size_t batch, float* y, char* error, size_t error_size) {
  try {
    const c10::InferenceMode guard;
    if (at::get_num_threads() != 1) at::set_num_threads(1);  // a thread's own setting
    const at::Tensor answer = static_cast<Module*>(module)->run(x, actions, batch);
    std::memcpy(y, answer.data_ptr<float>(), static_cast<size_t>(answer.numel()) * sizeof(float));
    return 0;
  } catch (const std::exception& cause) {
    return report(cause.what(), error, error_size);
  }
}

void unload(void* module) { delete static_cast<Module*>(module); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const learn_rt_torchscript* learn_rt_torchscript_v2(void) {
  static const learn_rt_torchscript table{load, infer, unload};
  return &table;
}
