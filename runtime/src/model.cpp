#include "learn_rt/model.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

#include "backend.h"
#include "guarded_session.h"

namespace learn_rt {
namespace {

class LoadedModel final : public Model, public std::enable_shared_from_this<LoadedModel> {
 public:
  LoadedModel(Spec spec, std::unique_ptr<Engine> engine, std::string backend, std::string choice)
      : spec_(std::move(spec)), engine_(std::move(engine)), backend_(std::move(backend)), choice_(std::move(choice)) {}

  const Spec& spec() const noexcept override { return spec_; }
  const std::string& backend() const noexcept override { return backend_; }
  const std::string& choice() const noexcept override { return choice_; }

  std::unique_ptr<Session> open() const override {
    return std::make_unique<GuardedSession>(shared_from_this(), engine_->open());
  }

  void infer(const float* windows, std::size_t batch, float* answers) const override {
    engine_->infer(windows, batch, answers);
  }

 private:
  Spec spec_;
  std::unique_ptr<Engine> engine_;
  std::string backend_, choice_;
};

double golden_tolerance(const ModelFolder& folder) {
  if (folder.spec.tolerance > 0) return folder.spec.tolerance;
  double scale = 0;
  for (const double y : folder.golden.y) scale = std::max(scale, std::abs(y));
  return 1e-5 * scale;
}

void compare(const std::string& what, std::size_t window, const float* y, const double* golden, std::size_t n_outputs,
             double tolerance) {
  for (std::size_t i = 0; i < n_outputs; ++i) {
    const double error = std::abs(static_cast<double>(y[i]) - golden[i]);
    if (error <= tolerance) continue;
    std::ostringstream text;
    text << "golden sample " << window << ": " << what << " is off by " << error << " in output " << i << ", tolerance "
         << tolerance;
    throw std::runtime_error(text.str());
  }
}

// Replays every golden window in each way that the engine answers: as a whole, sample by sample from a cold start, and
// sample by sample after the window before it, of which nothing may be left.
void check_golden(const Engine& engine, const ModelFolder& folder) {
  const Spec& spec = folder.spec;
  const Golden& golden = folder.golden;
  const std::size_t sample = spec.n_features(), n_outputs = spec.n_outputs();
  const double tolerance = golden_tolerance(folder);
  std::vector<float> y(golden.n * n_outputs);
  engine.infer(golden.x.data(), golden.n, y.data());
  for (std::size_t k = 0; k < golden.n; ++k) {
    compare("the whole window", k, &y[k * n_outputs], &golden.y[k * n_outputs], n_outputs, tolerance);
  }
  const std::unique_ptr<Stream> stream = engine.open();
  for (const bool cold : {true, false}) {
    if (!cold && spec.kind == Kind::kStateful) break;  // what came before is its input
    for (std::size_t k = 0; k < golden.n; ++k) {
      if (cold) stream->reset();
      for (std::size_t t = 0; t < spec.window; ++t) {
        stream->step(&golden.x[(k * spec.window + t) * sample], y.data());
        if (t % 2 == 0) stream->settle();  // the other half of the steps does it by itself
      }
      const char* what = cold ? "step by step" : "after another window";
      compare(what, k, y.data(), &golden.y[k * n_outputs], n_outputs, tolerance);
    }
  }
}

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
  if (folder.spec.kind == Kind::kRollout) throw std::runtime_error("models of kind rollout cannot be run yet");
  if (backend != "auto") {
    auto engine = load_checked(backend, folder);
    return std::make_shared<LoadedModel>(folder.spec, std::move(engine), backend, backend + ", as asked");
  }
  std::string refused;
  for (const std::string& name : backend_order()) {
    try {
      auto engine = load_checked(name, folder);
      const std::string choice = refused.empty() ? name : name + "; not " + refused;
      return std::make_shared<LoadedModel>(folder.spec, std::move(engine), name, choice);
    } catch (const std::exception& error) {
      refused += (refused.empty() ? "" : "; ") + name + " (" + error.what() + ")";
    }
  }
  throw std::runtime_error(version_folder.string() + ": no backend can run it: " + refused);
}

}  // namespace

std::shared_ptr<const Model> Model::load(const std::filesystem::path& version_folder, const std::string& backend) {
  try {
    return load_any(version_folder, backend);
  } catch (const std::exception& error) {
    throw std::runtime_error(printable(error.what()));
  }
}

}  // namespace learn_rt
