#include "guarded_session.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "denormals.h"
#include "learn_rt/flags.h"
#include "session_state.h"

namespace learn_rt {

GuardedSession::GuardedSession(std::shared_ptr<const Model> model, std::unique_ptr<Stream> stream,
                               const std::string& identity)
    : model_(std::move(model)), stream_(std::move(stream)), identity_(identity), ranges_(model_->spec().inputs) {
  const Spec& spec = model_->spec();
  for (const Signal& signal : spec.outputs) {
    for (std::size_t i = 0; i < signal.size(); ++i) {
      nominal_.push_back(static_cast<float>(signal.nominal));
      if (signal.envelope) limited_.push_back(limiters_.size());
      limiters_.emplace_back(signal.envelope.value_or(Envelope{1.0, 1.0, 1.0}), spec.dt_s);
    }
  }
  last_.resize(ranges_.size());
  resting_.resize(nominal_.size());
  preview_ = spec.preview;
  warm_up_ = spec.warm_up();
  settling_ = spec.memory();
  begin(nullptr);
}

void GuardedSession::forget() LEARN_RT_REALTIME {
  stream_->reset();
  taken_ = 0;
}

void GuardedSession::begin(const float* rest) LEARN_RT_REALTIME {
  const DenormalsAreZero guard;
  forget();
  for (std::size_t i = 0; i < nominal_.size(); ++i) limiters_[i].reset(nominal_[i]);
  if (rest == nullptr || (judge(rest) & kRefused) != 0) return;
  for (std::size_t i = 0; i < settling_; ++i) {
    stream_->step(rest, resting_.data());
    stream_->settle();
  }
  if (!finite(resting_.data())) return forget();
  taken_ = warm_up_;
  std::copy(rest, rest + last_.size(), last_.begin());
  for (std::size_t i = 0; i < nominal_.size(); ++i) {
    limiters_[i].reset(resting_[i]);
  }
}

std::uint32_t GuardedSession::step(const float* sample, float* answer) LEARN_RT_REALTIME {
  const DenormalsAreZero guard;
  const std::uint32_t judged = judge(sample);
  if ((judged & kRefused) != 0) {
    forget();
    return answer_nominal(answer, kRefused);
  }
  stream_->step(sample, answer);
  std::copy(sample, sample + last_.size(), last_.begin());
  if (taken_ < warm_up_) ++taken_;
  if (taken_ < warm_up_) return answer_nominal(answer, judged | kWarmingUp);
  if (!finite(answer)) {
    forget();
    return answer_nominal(answer, kRefused);
  }
  return judged | limit(answer);
}

void GuardedSession::settle() LEARN_RT_REALTIME {
  const DenormalsAreZero guard;
  stream_->settle();
}

void GuardedSession::rehearse() LEARN_RT_REALTIME {
  const DenormalsAreZero guard;
  stream_->rehearse();
}

void GuardedSession::flush(float* answers, std::uint32_t* flags) LEARN_RT_REALTIME {
  for (std::size_t i = 0; i < preview_; ++i, answers += nominal_.size(), ++flags) {
    *flags = taken_ == 0 ? answer_nominal(answers, kWarmingUp) : step(last_.data(), answers);
  }
}

std::size_t GuardedSession::state_size() const LEARN_RT_REALTIME {
  const std::size_t carried = stream_->state_size();
  return carried == 0 ? 0 : kStateHead + last_.size() * sizeof(float) + limited_.size() * kLimiterState + carried;
}

void GuardedSession::save(void* state) LEARN_RT_REALTIME {
  if (stream_->state_size() == 0) return;
  const DenormalsAreZero guard;
  StateWriter writer(static_cast<char*>(state));
  writer.put(identity_.data(), kIdentity);
  writer.put(static_cast<std::uint64_t>(taken_));
  writer.put(last_.data(), last_.size() * sizeof(float));
  for (const std::size_t i : limited_) {
    writer.put(limiters_[i].last());
    writer.put(limiters_[i].step());
  }
  stream_->save(writer.at());
}

void GuardedSession::restore(const void* state, std::size_t size) {
  const auto refuse = [](const std::string& why) { throw std::invalid_argument("the state " + why); };
  const std::size_t wanted = state_size();
  if (wanted == 0) return Session::restore(state, size);
  if (size != wanted) refuse("must have " + std::to_string(wanted) + " bytes, got " + std::to_string(size));
  StateReader reader(static_cast<const char*>(state));
  if (std::memcmp(reader.take(kIdentity), identity_.data(), kIdentity) != 0)
    refuse("is another model's, version's or backend's: only the same files on the same backend can go on from it");
  const auto taken = reader.get<std::uint64_t>();
  std::vector<float> last(last_.size());
  for (float& value : last) value = reader.get<float>();
  std::vector<EnvelopeLimiter> limiters = limiters_;
  bool possible = taken <= warm_up_ && finite(last);
  for (const std::size_t i : limited_) {
    const auto value = reader.get<double>(), change = reader.get<double>();
    possible = limiters[i].restore(value, change) && possible;
  }
  if (!possible) refuse("holds what no session can have: a count, a sample or an answer out of bounds");
  const DenormalsAreZero guard;
  if (const char* why = stream_->restore(reader.take(stream_->state_size()))) refuse(std::string("is refused: ") + why);
  taken_ = taken;
  last_ = std::move(last);
  limiters_ = std::move(limiters);
}

std::uint32_t GuardedSession::limit(float* answer) LEARN_RT_REALTIME {
  std::uint32_t flags = 0;
  for (const std::size_t i : limited_) {
    const float allowed = limiters_[i].next(answer[i]);
    if (allowed != answer[i]) flags = kLimited;
    answer[i] = allowed;
  }
  return flags;
}

std::uint32_t GuardedSession::answer_nominal(float* answer, std::uint32_t flags) LEARN_RT_REALTIME {
  std::copy(nominal_.begin(), nominal_.end(), answer);
  return flags | limit(answer);
}

bool GuardedSession::finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
}

bool GuardedSession::finite(const float* answer) const LEARN_RT_REALTIME {
  unsigned strange = 0;  // no way out, so that several are looked at at once
  for (std::size_t i = 0; i < nominal_.size(); ++i)
    strange |= static_cast<unsigned>(!(std::fabs(answer[i]) <= FLT_MAX));
  return strange == 0;
}

}  // namespace learn_rt
