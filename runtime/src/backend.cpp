#include "backend.h"

#include <map>
#include <mutex>
#include <stdexcept>

#include "native_engine.h"
#include "torchscript.h"

namespace learn_rt {
namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, Backend> backends{{"native", load_native}, {"torchscript", load_torchscript}};
};

Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

std::unique_ptr<RolloutStream> Engine::open_rollout(const RolloutLimits& /*limits*/) const {
  throw std::runtime_error("this backend runs no rollouts");
}

void Engine::infer_rollout(const float* /*windows*/, const float* /*actions*/, std::size_t /*batch*/,
                           float* /*answers*/) const {
  throw std::runtime_error("this backend runs no rollouts");
}

const std::vector<std::string>& backend_order() {
  static const std::vector<std::string> order{"native", "onnxruntime", "torchscript"};
  return order;
}

void register_backend(const std::string& name, Backend backend) {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  registry().backends[name] = std::move(backend);
}

Backend find_backend(const std::string& name) {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  const auto found = registry().backends.find(name);
  if (found != registry().backends.end()) return found->second;
  if (name == "onnxruntime") {
    throw std::runtime_error("onnxruntime is reached through Python: import learn_rt.runtime in this process first");
  }
  throw std::runtime_error("unknown backend \"" + name + "\": expected auto, native, onnxruntime or torchscript");
}

}  // namespace learn_rt
