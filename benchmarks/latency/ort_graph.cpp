#include "ort_graph.h"

#include <functional>
#include <numeric>

namespace learn_rt::bench {
namespace {

constexpr int kWarning = 2;          // OrtLoggingLevel
constexpr int kFloat = 1;            // ONNXTensorElementDataType
constexpr int kDeviceAllocator = 0;  // OrtAllocatorType
constexpr int kDefaultMemory = 0;    // OrtMemType

}  // namespace

OrtGraph::OrtGraph(const std::string& library, const std::string& graph, int threads) : api_(library) {
  using A = OrtApi;
  api_.call(A::kCreateEnv, "starting", kWarning, "learn_rt", &env_);
  api_.call(A::kCreateSessionOptions, "options", &options_);
  api_.call(A::kSetIntraOpNumThreads, "options", options_, threads);
  api_.call(A::kSetInterOpNumThreads, "options", options_, 1);
  api_.call(A::kCreateSession, "loading", env_, graph.c_str(), options_, &session_);
  api_.call(A::kCreateCpuMemoryInfo, "memory", kDeviceAllocator, kDefaultMemory, &memory_);
}

OrtGraph::~OrtGraph() {
  for (void* value : values_) api_.release(OrtApi::kReleaseValue, value);
  api_.release(OrtApi::kReleaseMemoryInfo, memory_);
  api_.release(OrtApi::kReleaseSession, session_);
  api_.release(OrtApi::kReleaseSessionOptions, options_);
  api_.release(OrtApi::kReleaseEnv, env_);
}

void* OrtGraph::bind(std::vector<float>& buffer, const std::vector<std::int64_t>& shape) {
  void* value = nullptr;
  api_.call(OrtApi::kCreateTensorWithData, "binding", static_cast<const void*>(memory_),
            static_cast<void*>(buffer.data()), buffer.size() * sizeof(float), shape.data(), shape.size(), kFloat,
            &value);
  values_.push_back(value);
  return value;
}

void OrtGraph::run(const std::vector<const char*>& input_names, const std::vector<void*>& inputs,
                   const std::vector<const char*>& output_names, std::vector<void*>& outputs) {
  api_.call(OrtApi::kRun, "running", session_, static_cast<void*>(nullptr), input_names.data(), inputs.data(),
            input_names.size(), output_names.data(), output_names.size(), outputs.data());
}

std::size_t OrtGraph::size_of(const std::vector<std::int64_t>& shape) {
  return static_cast<std::size_t>(std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>()));
}

}  // namespace learn_rt::bench
