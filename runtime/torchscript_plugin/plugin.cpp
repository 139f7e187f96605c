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
  std::vector<std::vector<int64_t>> states;
  size_t n_outputs = 0;  // of one answer

  // `data` is only read.
  static at::Tensor tensor(const float* data, const std::vector<int64_t>& item, size_t batch) {
    std::vector<int64_t> shape{static_cast<int64_t>(batch)};
    shape.insert(shape.end(), item.begin(), item.end());
    return at::from_blob(const_cast<float*>(data), shape, at::kFloat);
  }

  // What came out, in one piece and of the size that it must have.
  static at::Tensor checked(const torch::jit::IValue& value, int64_t size) {
    if (!value.isTensor() || value.toTensor().scalar_type() != at::kFloat || value.toTensor().numel() != size) {
      throw std::runtime_error("model.pt answers with another size or type than the spec says");
    }
    return value.toTensor().contiguous();
  }

  at::Tensor run(const float* x, const float* taken, size_t batch) {
    std::vector<torch::jit::IValue> inputs{tensor(x, sample, batch)};
    if (!actions.empty()) inputs.emplace_back(tensor(taken, actions, batch));
    return checked(module.forward(std::move(inputs)), static_cast<int64_t>(batch * n_outputs));
  }

  void step(const float* x, float* const* values, float* y) {
    std::vector<torch::jit::IValue> inputs{tensor(x, sample, 1)};
    for (size_t i = 0; i < states.size(); ++i) inputs.emplace_back(tensor(values[i], states[i], 1));
    const torch::jit::IValue answer = module.forward(inputs);
    if (!answer.isTuple() || answer.toTupleRef().elements().size() != states.size() + 1) {
      throw std::runtime_error("model.pt must answer with y and the next states, as the spec names them");
    }
    const auto& elements = answer.toTupleRef().elements();
    std::vector<at::Tensor> next;  // all of them, before the first is overwritten
    for (size_t i = 0; i < states.size(); ++i) {
      next.push_back(checked(elements[i + 1], inputs[i + 1].toTensor().numel()).clone());
    }
    const at::Tensor answers = checked(elements[0], static_cast<int64_t>(n_outputs));
    if (y != nullptr) std::memcpy(y, answers.data_ptr<float>(), n_outputs * sizeof(float));
    for (size_t i = 0; i < next.size(); ++i) {
      std::memcpy(values[i], next[i].data_ptr<float>(), static_cast<size_t>(next[i].numel()) * sizeof(float));
    }
  }

  void warm_up(size_t n_sample, size_t n_actions) {
    const std::vector<float> zeros(n_sample), still(n_actions);
    std::vector<std::vector<float>> start;
    std::vector<float*> values;
    for (const auto& shape : states) {
      int64_t size = 1;
      for (const int64_t n : shape) size *= n;
      values.push_back(start.emplace_back(static_cast<size_t>(size), 0.0F).data());  // vectors move, their data stay
    }
    for (int i = 0; i < kWarmUpCalls; ++i) {
      if (states.empty()) {
        run(zeros.data(), still.data(), 1);
      } else {
        step(zeros.data(), values.data(), nullptr);
      }
    }
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
    const size_t* dimension = shape->dimensions;
    for (size_t i = 0; i < shape->n_states; ++i) {
      loaded->states.emplace_back(dimension, dimension + shape->ranks[i]);
      dimension += shape->ranks[i];
    }
    loaded->warm_up((window == 0 ? 1 : window) * shape->n_features, horizon * shape->n_actions);
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

int step(void* module, const float* x, float* const* states, float* y, char* error, size_t error_size) {
  try {
    const c10::InferenceMode guard;
    if (at::get_num_threads() != 1) at::set_num_threads(1);
    static_cast<Module*>(module)->step(x, states, y);
    return 0;
  } catch (const std::exception& cause) {
    return report(cause.what(), error, error_size);
  }
}

void unload(void* module) { delete static_cast<Module*>(module); }

}  // namespace

extern "C" __attribute__((visibility("default"))) const learn_rt_torchscript* learn_rt_torchscript_v3(void) {
  static const learn_rt_torchscript table{load, infer, step, unload};
  return &table;
}
