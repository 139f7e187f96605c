#include "ort_arm.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>

namespace learn_rt::bench {
namespace {

constexpr int kWarning = 2;          // OrtLoggingLevel
constexpr int kFloat = 1;            // ONNXTensorElementDataType
constexpr int kDeviceAllocator = 0;  // OrtAllocatorType
constexpr int kDefaultMemory = 0;    // OrtMemType

std::size_t size_of(const std::vector<std::int64_t>& shape) {
  return static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
}

}  // namespace

OrtArm::OrtArm(const std::string& library, const std::string& graph, std::size_t window, std::size_t n_features,
               std::size_t n_outputs, std::vector<OrtState> states)
    : api_(library),
      n_features_(n_features),
      states_(std::move(states)),
      x_(std::max<std::size_t>(window, 1) * n_features),
      y_(n_outputs) {
  using A = OrtApi;
  api_.call(A::kCreateEnv, "starting", kWarning, "learn_rt", &env_);
  api_.call(A::kCreateSessionOptions, "options", &options_);
  api_.call(A::kSetIntraOpNumThreads, "options", options_, 1);
  api_.call(A::kSetInterOpNumThreads, "options", options_, 1);
  api_.call(A::kCreateSession, "loading", env_, graph.c_str(), options_, &session_);
  api_.call(A::kCreateCpuMemoryInfo, "memory", kDeviceAllocator, kDefaultMemory, &memory_);

  const auto features = static_cast<std::int64_t>(n_features);
  std::vector<std::int64_t> x_shape{1, features};
  if (window > 0) x_shape = {1, static_cast<std::int64_t>(window), features};
  void* x = bind(x_, x_shape);
  void* y = bind(y_, {1, static_cast<std::int64_t>(n_outputs)});
  input_names_.push_back("x");
  output_names_.push_back("y");
  for (auto& inputs : inputs_) inputs.push_back(x);
  for (auto& outputs : outputs_) outputs.push_back(y);
  for (auto& set : sets_) set.reserve(states_.size());  // what is bound must not move
  for (const OrtState& state : states_) {
    input_names_.push_back(state.input.c_str());
    output_names_.push_back(state.output.c_str());
    for (std::size_t side = 0; side < 2; ++side) {
      void* value = bind(sets_[side].emplace_back(size_of(state.shape), 0.0F), state.shape);
      inputs_[side].push_back(value);
      outputs_[1 - side].push_back(value);
    }
  }
}

OrtArm::~OrtArm() {
  for (void* value : values_) api_.release(OrtApi::kReleaseValue, value);
  api_.release(OrtApi::kReleaseMemoryInfo, memory_);
  api_.release(OrtApi::kReleaseSession, session_);
  api_.release(OrtApi::kReleaseSessionOptions, options_);
  api_.release(OrtApi::kReleaseEnv, env_);
}

void* OrtArm::bind(std::vector<float>& buffer, const std::vector<std::int64_t>& shape) {
  void* value = nullptr;
  api_.call(OrtApi::kCreateTensorWithData, "binding", static_cast<const void*>(memory_),
            static_cast<void*>(buffer.data()), buffer.size() * sizeof(float), shape.data(), shape.size(), kFloat,
            &value);
  values_.push_back(value);
  return value;
}

std::uint32_t OrtArm::answer(const float* sample, float* values) {
  // A window slides by one sample; one sample is a window of 1.
  std::memmove(x_.data(), x_.data() + n_features_, (x_.size() - n_features_) * sizeof(float));
  std::copy_n(sample, n_features_, x_.end() - static_cast<std::ptrdiff_t>(n_features_));
  api_.call(OrtApi::kRun, "running", session_, static_cast<void*>(nullptr), input_names_.data(), inputs_[turn_].data(),
            input_names_.size(), output_names_.data(), output_names_.size(), outputs_[turn_].data());
  turn_ = 1 - turn_;
  std::copy(y_.begin(), y_.end(), values);
  return 0;
}

Stages OrtArm::stages(std::int64_t call_ns) const noexcept {
  Stages stages;
  stages.compute = call_ns;
  return stages;
}

}  // namespace learn_rt::bench
