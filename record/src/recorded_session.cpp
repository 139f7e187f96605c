#include "learn_rt/record/recorded_session.h"

#include "learn_rt/doorbell.h"

namespace learn_rt::record {

RecordedSession::RecordedSession(std::unique_ptr<Session> session, std::shared_ptr<Recorder> recorder,
                                 std::shared_ptr<Box> box, std::int64_t version)
    : session_(std::move(session)), recorder_(std::move(recorder)), box_(std::move(box)), version_(version) {}

RecordedSession::~RecordedSession() { recorder_->close(box_); }

void RecordedSession::begin(const float* rest) LEARN_RT_REALTIME {
  session_->begin(rest);
  box_->begin(0, version_, rest);
}

void RecordedSession::restore(const void* state, std::size_t size) {
  session_->restore(state, size);
  box_->go_on(0, version_);
}

std::uint32_t RecordedSession::step(const float* sample, float* answer) LEARN_RT_REALTIME {
  const std::int64_t at = at_ns_ != 0 ? at_ns_ : now_ns();
  const std::uint32_t flags = session_->step(sample, answer);
  box_->step(sequence_++, stamp_ns_, at, now_ns() - at, flags, sample, answer);
  return flags;
}

void RecordedSession::flush(float* answers, std::uint32_t* flags) LEARN_RT_REALTIME {
  session_->flush(answers, flags);
  for (std::size_t i = 0; i < session_->preview(); ++i)
    box_->flush(sequence_++, stamp_ns_, flags[i], answers + i * session_->n_outputs());
}

}  // namespace learn_rt::record
