#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "learn_rt/record/recorder.h"
#include "learn_rt/session.h"

namespace learn_rt::record {

// A session, with everything that is asked of it in a black box. One thread at a time.
class RecordedSession final : public Session {
 public:
  RecordedSession(std::unique_ptr<Session> session, std::shared_ptr<Recorder> recorder, std::shared_ptr<Box> box,
                  std::int64_t version);
  ~RecordedSession() override;

  // What the next samples came with: the sender's count and clock, and when they came.
  void tag(std::uint64_t sequence, std::int64_t stamp_ns, std::int64_t at_ns) LEARN_RT_REALTIME {
    sequence_ = sequence;
    stamp_ns_ = stamp_ns;
    at_ns_ = at_ns;
  }
  // Another version of the model answers from here on.
  void answered_by(std::int64_t version) LEARN_RT_REALTIME {
    version_ = version;
    box_->answered_by(version);
  }
  Box& box() noexcept { return *box_; }

  void begin(const float* rest) LEARN_RT_REALTIME override;
  std::uint32_t step(const float* sample, float* answer) LEARN_RT_REALTIME override;
  void settle() LEARN_RT_REALTIME override { session_->settle(); }
  void rehearse() LEARN_RT_REALTIME override { session_->rehearse(); }
  void flush(float* answers, std::uint32_t* flags) LEARN_RT_REALTIME override;
  std::size_t state_size() const LEARN_RT_REALTIME override { return session_->state_size(); }
  void save(void* state) LEARN_RT_REALTIME override { session_->save(state); }
  void restore(const void* state, std::size_t size) override;
  std::size_t n_features() const LEARN_RT_REALTIME override { return session_->n_features(); }
  std::size_t n_outputs() const LEARN_RT_REALTIME override { return session_->n_outputs(); }
  std::size_t preview() const LEARN_RT_REALTIME override { return session_->preview(); }

 private:
  const std::unique_ptr<Session> session_;
  const std::shared_ptr<Recorder> recorder_;
  const std::shared_ptr<Box> box_;
  std::int64_t version_;
  std::uint64_t sequence_ = 0;
  std::int64_t stamp_ns_ = 0, at_ns_ = 0;
};

}  // namespace learn_rt::record
