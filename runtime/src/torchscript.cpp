#include "torchscript.h"

#include <dlfcn.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <vector>

#include "torchscript_abi.h"
#include "whole_rollout.h"
#include "window_stream.h"

namespace learn_rt {
namespace {

std::filesystem::path own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&own_folder), &info) == 0) return ".";
  return std::filesystem::path(info.dli_fname).parent_path();
}

// Opened once and never closed: libtorch does not bear to be unloaded.
const learn_rt_torchscript& plugin() {
  static const learn_rt_torchscript* const found = [] {
    const std::string file = (own_folder() / "liblearn_rt_torchscript.so").string();
    if (!std::filesystem::exists(file)) {
      throw std::runtime_error("the TorchScript plugin is not there: " + file + " is built where torch is found");
    }
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      throw std::runtime_error(std::string("the TorchScript plugin needs torch's libraries: ") + dlerror());
    }
    void* symbol = dlsym(library, LEARN_RT_TORCHSCRIPT_SYMBOL);
    if (symbol == nullptr) throw std::runtime_error(file + " is another version");
    return reinterpret_cast<learn_rt_torchscript_entry>(symbol)();
  }();
  return *found;
}

// One stream of a stateful model.
class StatefulStream final : public Stream {
 public:
  StatefulStream(const Spec& spec, void* module) : module_(module), n_outputs_(spec.n_outputs()) {
    for (const State& state : spec.states) {
      std::size_t size = 1;
      for (const std::size_t n : state.shape) size *= n;
      states_.emplace_back(size, 0.0F);
    }
    for (std::vector<float>& state : states_) values_.push_back(state.data());
  }

  void reset() LEARN_RT_REALTIME override {
    for (std::vector<float>& state : states_) std::fill(state.begin(), state.end(), 0.0F);
  }
  void step(const float* sample, float* answer) LEARN_RT_REALTIME override {
    char error[256] = "";
    if (plugin().step(module_, sample, values_.data(), answer, error, sizeof error) != 0) {
      std::fill(answer, answer + n_outputs_, std::numeric_limits<float>::quiet_NaN());
    }
  }
  void settle() LEARN_RT_REALTIME override {}

 private:
  void* module_;
  std::size_t n_outputs_;
  std::vector<std::vector<float>> states_;
  std::vector<float*> values_;
};

class TorchScriptEngine final : public Engine {
 public:
  explicit TorchScriptEngine(const ModelFolder& folder) : spec_(folder.spec) {
    char error[1024] = "";
    const bool rollout = spec_.kind == Kind::kRollout;
    std::vector<std::size_t> ranks, dimensions;
    if (spec_.kind == Kind::kStateful) {
      for (const State& state : spec_.states) {
        ranks.push_back(state.shape.size());
        dimensions.insert(dimensions.end(), state.shape.begin(), state.shape.end());
      }
    }
    const learn_rt_torchscript_shape shape{rollout || spec_.kind == Kind::kWindow ? spec_.window : 0,
                                           spec_.n_features(),
                                           rollout ? spec_.horizon : 0,
                                           rollout ? spec_.n_actions() : 0,
                                           spec_.n_outputs(),
                                           ranks.size(),
                                           ranks.data(),
                                           dimensions.data()};
    if (plugin().load((folder.path / "model.pt").c_str(), &shape, &module_, error, sizeof error) != 0) {
      throw std::runtime_error(error);
    }
  }
  TorchScriptEngine(const TorchScriptEngine&) = delete;
  TorchScriptEngine& operator=(const TorchScriptEngine&) = delete;
  ~TorchScriptEngine() override { plugin().unload(module_); }

  std::unique_ptr<Stream> open() const override {
    if (spec_.kind == Kind::kStateful) return std::make_unique<StatefulStream>(spec_, module_);
    return std::make_unique<WindowStream>(spec_, [this](const float* x, float* y) { infer(x, 1, y); });
  }

  void infer(const float* windows, std::size_t batch, float* answers) const override {
    infer_rollout(windows, nullptr, batch, answers);
  }

  std::unique_ptr<RolloutStream> open_rollout(const RolloutLimits& limits) const override {
    return std::make_unique<WholeRollout>(
        spec_, limits, [this](const float* x, const float* a, std::size_t n, float* y) { infer_rollout(x, a, n, y); });
  }

  void infer_rollout(const float* windows, const float* actions, std::size_t batch, float* answers) const override {
    char error[1024] = "";
    if (plugin().infer(module_, windows, actions, batch, answers, error, sizeof error) != 0) {
      throw std::runtime_error(error);
    }
  }

 private:
  Spec spec_;
  void* module_ = nullptr;
};

}  // namespace

std::unique_ptr<Engine> load_torchscript(const ModelFolder& folder) {
  if (!std::filesystem::exists(folder.path / "model.pt")) throw std::runtime_error("no model.pt");
  return std::make_unique<TorchScriptEngine>(folder);
}

}  // namespace learn_rt
