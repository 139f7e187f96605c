#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend.h"
#include "learn_rt/envelope.h"
#include "learn_rt/model.h"
#include "ranges.h"

namespace learn_rt {

// Session on any backend's stream: refuses what is not physical, answers the nominal value while warming up, keeps
// every answer inside its envelope, and says so in the flags.
class GuardedSession final : public Session {
 public:
  // `model` is kept alive for the stream's engine. `identity`: of what a state of it belongs to, see session_state.h.
  GuardedSession(std::shared_ptr<const Model> model, std::unique_ptr<Stream> stream, const std::string& identity);

  void begin(const float* rest) LEARN_RT_REALTIME override;
  std::uint32_t step(const float* sample, float* answer) LEARN_RT_REALTIME override;
  void settle() LEARN_RT_REALTIME override;
  void rehearse() LEARN_RT_REALTIME override;
  void flush(float* answers, std::uint32_t* flags) LEARN_RT_REALTIME override;
  std::size_t state_size() const LEARN_RT_REALTIME override;
  void save(void* state) LEARN_RT_REALTIME override;
  void restore(const void* state, std::size_t size) override;
  std::size_t n_features() const LEARN_RT_REALTIME override { return last_.size(); }
  std::size_t n_outputs() const LEARN_RT_REALTIME override { return nominal_.size(); }
  std::size_t preview() const LEARN_RT_REALTIME override { return preview_; }

 private:
  std::uint32_t judge(const float* sample) const LEARN_RT_REALTIME { return ranges_.judge(sample, 0, ranges_.size()); }
  // Brings `answer` into the envelope; kLimited when that changed it.
  std::uint32_t limit(float* answer) LEARN_RT_REALTIME;
  std::uint32_t answer_nominal(float* answer, std::uint32_t flags) LEARN_RT_REALTIME;
  bool finite(const float* answer) const LEARN_RT_REALTIME;
  static bool finite(const std::vector<float>& values);
  void forget() LEARN_RT_REALTIME;

  std::shared_ptr<const Model> model_;
  std::unique_ptr<Stream> stream_;
  const std::string& identity_;  // the model's
  Ranges ranges_;
  std::vector<float> nominal_;
  std::vector<EnvelopeLimiter> limiters_;
  std::vector<std::size_t> limited_;  // the outputs that have an envelope
  std::vector<float> last_;           // the last sample taken
  std::vector<float> resting_;        // the answer to a resting window, in begin()
  std::size_t preview_, warm_up_, settling_;
  std::size_t taken_ = 0;  // samples since the stream was forgotten, up to `warm_up_`
};

}  // namespace learn_rt
