#include "learn_rt/model.h"

#include <stdexcept>

#include "backend.h"
#include "denormals.h"
#include "golden_check.h"
#include "guarded_rollout.h"
#include "guarded_session.h"
#include "session_state.h"

namespace learn_rt {
namespace {

class LoadedModel final : public Model, public std::enable_shared_from_this<LoadedModel> {
 public:
  LoadedModel(const ModelFolder& folder, std::unique_ptr<Engine> engine, std::string backend, std::string choice)
      : spec_(folder.spec),
        engine_(std::move(engine)),
        backend_(std::move(backend)),
        choice_(std::move(choice)),
        identity_(state_identity(folder, backend_)) {}

  const Spec& spec() const noexcept override { return spec_; }
  const std::string& backend() const noexcept override { return backend_; }
  const std::string& choice() const noexcept override { return choice_; }

  std::unique_ptr<Session> open() const override {
    if (spec_.kind == Kind::kRollout) throw std::runtime_error("a rollout model answers rollouts, not samples");
    return std::make_unique<GuardedSession>(shared_from_this(), engine_->open(), identity_);
  }

  void infer(const float* windows, std::size_t batch, float* answers) const override {
    if (spec_.kind == Kind::kRollout) throw std::runtime_error("a rollout needs actions beside the windows");
    const DenormalsAreZero guard;
    engine_->infer(windows, batch, answers);
  }

  Footprint footprint() const override { return engine_->footprint(); }
  Footprint rollout_footprint(std::size_t candidates, std::size_t horizon) const override {
    return engine_->rollout_footprint(candidates, horizon);
  }

  std::unique_ptr<RolloutSession> open_rollout(const RolloutLimits& limits) const override {
    if (spec_.kind != Kind::kRollout) return Model::open_rollout(limits);
    limits.check(spec_.n_features());
    return std::make_unique<GuardedRollout>(shared_from_this(), engine_->open_rollout(limits), limits);
  }

  void infer_rollout(const float* windows, const float* actions, std::size_t batch, float* answers) const override {
    if (spec_.kind != Kind::kRollout) return Model::infer_rollout(windows, actions, batch, answers);
    const DenormalsAreZero guard;
    engine_->infer_rollout(windows, actions, batch, answers);
  }

 private:
  Spec spec_;
  std::unique_ptr<Engine> engine_;
  std::string backend_, choice_, identity_;
};

// A cause may quote a hostile file: what is not printable UTF-8 must not reach a log or a status message.
std::string printable(std::string text) {
  bool valid = true;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const int more = lead < 0x80 ? 0 : lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
    valid = valid && (lead < 0x80 || (lead >= 0xC2 && lead < 0xF5));
    for (int k = 0; k < more && valid; ++k) {
      valid = ++i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
    }
  }
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F || (!valid && byte >= 0x80)) c = '?';
  }
  return text.substr(0, 4096);
}

std::unique_ptr<Engine> load_checked(const std::string& backend, const ModelFolder& folder) {
  std::unique_ptr<Engine> engine = find_backend(backend)(folder);
  check_golden(*engine, folder);
  return engine;
}

std::shared_ptr<const Model> load_any(const std::filesystem::path& version_folder, const std::string& backend) {
  const ModelFolder folder = ModelFolder::read(version_folder);
  if (backend != "auto") {
    auto engine = load_checked(backend, folder);
    return std::make_shared<LoadedModel>(folder, std::move(engine), backend, backend + ", as asked");
  }
  std::string refused;
  for (const std::string& name : backend_order()) {
    try {
      auto engine = load_checked(name, folder);
      const std::string choice = refused.empty() ? name : name + "; not " + refused;
      return std::make_shared<LoadedModel>(folder, std::move(engine), name, choice);
    } catch (const std::exception& error) {
      refused += (refused.empty() ? "" : "; ") + name + " (" + error.what() + ")";
    }
  }
  throw std::runtime_error(version_folder.string() + ": no backend can run it: " + refused);
}

}  // namespace

std::unique_ptr<RolloutSession> Model::open_rollout(const RolloutLimits& /*limits*/) const {
  throw std::runtime_error("only a model of kind rollout answers rollouts");
}

void Model::infer_rollout(const float* /*windows*/, const float* /*actions*/, std::size_t /*batch*/,
                          float* /*answers*/) const {
  throw std::runtime_error("only a model of kind rollout answers rollouts");
}

std::shared_ptr<const Model> Model::load(const std::filesystem::path& version_folder, const std::string& backend) {
  try {
    return load_any(version_folder, backend);
  } catch (const std::exception& error) {
    throw std::runtime_error(printable(error.what()));
  }
}

}  // namespace learn_rt
