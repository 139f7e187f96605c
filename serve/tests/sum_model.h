#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "learn_rt/flags.h"
#include "repository.h"

namespace learn_rt::serve {

// A model with a closed form, behind the runtime's interface: two features, the answer is the sum of all values of the
// last three samples times the version's gain, and one tick of preview. It also watches how the server uses its
// sessions.
class SumModel final : public Model {
 public:
  static constexpr std::size_t kFeatures = 2, kWindow = 3;

  // What the server did to all sessions of this model.
  struct Watched {
    std::atomic<int> open{0}, steps{0}, settles{0}, rehearsals{0}, overlaps{0};
    // Called in the middle of a step, and of settling.
    std::function<void()> in_step = [] {}, in_settle = [] {};
  };

  explicit SumModel(float gain = 1.0F, std::optional<Envelope> envelope = {}) : gain_(gain) {
    spec_.name = "sum";
    spec_.kind = Kind::kWindow;
    spec_.dt_s = 0.001;
    spec_.window = kWindow;
    spec_.preview = 1;
    spec_.horizon = 0;
    for (const char* name : {"a", "b"}) spec_.inputs.push_back(signal(name));
    spec_.inputs[1].range_valid = {-10.0, 10.0};
    spec_.outputs.push_back(signal("sum"));
    spec_.outputs[0].envelope = envelope;
    spec_.contract_hash = "5a5a";
    spec_.json = "{\"name\": \"sum\"}";
  }

  const Spec& spec() const noexcept override { return spec_; }
  const std::string& backend() const noexcept override { return backend_; }
  const std::string& choice() const noexcept override { return backend_; }
  std::unique_ptr<Session> open() const override { return std::make_unique<SumSession>(watched, gain_); }

  void infer(const float* windows, std::size_t batch, float* answers) const override {
    for (std::size_t i = 0; i < batch; ++i) {
      answers[i] = 0.0F;
      for (std::size_t k = 0; k < kWindow * kFeatures; ++k) answers[i] += windows[i * kWindow * kFeatures + k];
      answers[i] *= gain_;
    }
  }

  Spec& spec_to_change() { return spec_; }

  mutable Watched watched;

 private:
  class SumSession final : public Session {
   public:
    SumSession(Watched& watched, float gain) : watched_(watched), gain_(gain) { ++watched_.open; }
    ~SumSession() override { --watched_.open; }

    void begin(const float* rest) noexcept override {
      taken_ = rest == nullptr ? 0 : kWindow;
      std::fill(std::begin(sums_), std::end(sums_), rest == nullptr ? 0.0F : rest[0] + rest[1]);
    }
    std::uint32_t step(const float* sample, float* answer) noexcept override {
      const Alone alone(*this);
      ++watched_.steps;
      watched_.in_step();
      sums_[0] = sums_[1];
      sums_[1] = sums_[2];
      sums_[2] = sample[0] + sample[1];
      *answer = ++taken_ >= kWindow ? gain_ * (sums_[0] + sums_[1] + sums_[2]) : 0.0F;
      return taken_ >= kWindow ? 0U : static_cast<std::uint32_t>(kWarmingUp);
    }
    void rehearse() noexcept override { ++watched_.rehearsals; }
    void settle() noexcept override {
      const Alone alone(*this);
      ++watched_.settles;
      watched_.in_settle();
    }
    void flush(float* answers, std::uint32_t* flags) noexcept override {
      const float last[kFeatures] = {sums_[2], 0.0F};
      *flags = step(last, answers);
    }
    std::size_t state_size() const noexcept override { return sizeof sums_; }
    void save(void* state) noexcept override { std::memcpy(state, sums_, sizeof sums_); }
    void restore(const void* state, std::size_t size) override {
      if (size != sizeof sums_) throw std::invalid_argument("the state must have 12 bytes");
      std::memcpy(sums_, state, size);
      taken_ = kWindow;
    }
    std::size_t n_features() const noexcept override { return kFeatures; }
    std::size_t n_outputs() const noexcept override { return 1; }
    std::size_t preview() const noexcept override { return 1; }

   private:
    // A session is one thread's at a time: two at once are counted.
    struct Alone {
      explicit Alone(SumSession& session) : s(session) {
        if (s.busy_.exchange(true)) ++s.watched_.overlaps;
      }
      ~Alone() { s.busy_ = false; }
      SumSession& s;
    };

    Watched& watched_;
    const float gain_;
    std::atomic<bool> busy_{false};
    std::size_t taken_ = 0;
    float sums_[kWindow] = {};
  };

  static Signal signal(const std::string& name) {
    Signal signal;
    signal.name = name;
    signal.unit = "1";
    signal.scale = {1.0};
    signal.offset = {0.0};
    return signal;
  }

  const float gain_;
  Spec spec_;
  std::string backend_ = "native";
};

// A repository that serves it as "sum", version 7.
struct SumRepository {
  std::shared_ptr<SumModel> model;
  std::shared_ptr<Repository> repository = std::make_shared<Repository>();
  explicit SumRepository(std::optional<Envelope> envelope = {}) : model(std::make_shared<SumModel>(1.0F, envelope)) {
    repository->add(std::make_shared<ModelHost>("sum", 7, model));
  }
  // Serves another version, as the stable one.
  std::shared_ptr<ModelHost> swap(std::int64_t version, std::shared_ptr<SumModel> with) const {
    auto host = std::make_shared<ModelHost>("sum", version, std::move(with));
    repository->serve("sum", {{version, host}}, version);
    return host;
  }
};

}  // namespace learn_rt::serve
