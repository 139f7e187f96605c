#include "predict_stream.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "opening.h"
#include "status.h"

namespace learn_rt::serve {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t in_ns(Clock::duration time) { return std::chrono::nanoseconds(time).count(); }

}  // namespace

grpc::Status PredictStream::answer(const v1::PredictRequest& request, v1::PredictResponse* response) {
  const auto arrival = Clock::now();
  response->Clear();
  response->set_sequence(request.sequence());
  response->set_stamp_ns(request.stamp_ns());
  if (request.has_open()) {
    if (hosted_) return invalid("a stream is opened once: `open` belongs in its first request only");
    const grpc::Status opened = open(request.open(), response->mutable_opened());
    if (!opened.ok()) return opened;
  } else if (!hosted_) {
    return invalid("the first request of a stream must carry `open`: the model, its version and its contract_hash");
  }
  if (hosted_->turn()) tell(hosted_->host(), response->mutable_opened());
  Counters& counters = hosted_->host().counters();
  grpc::Status fit = check_size(request);
  if (fit.ok()) fit = check_rate(request.samples_size(), arrival);
  if (!fit.ok()) {
    counters.failures.count(fit.error_code());
    hosted_->failed(fit.error_message());
    return fit;
  }
  hosted_->tag(request.sequence(), static_cast<std::int64_t>(request.stamp_ns()), in_ns(arrival.time_since_epoch()));
  if (std::exchange(has_state_, false)) response->set_state(state_);
  const int answers = predict(request, response);
  since_state_ += static_cast<std::uint64_t>(answers);
  const auto took = Clock::now() - arrival;
  if (answers > 0) counters.answered(static_cast<std::uint64_t>(answers), took);
  answers_ += static_cast<std::uint64_t>(answers);
  constexpr auto kMost = std::numeric_limits<std::uint32_t>::max();
  response->set_compute_ns(static_cast<std::uint32_t>(std::min<std::int64_t>(took.count(), kMost)));
  return grpc::Status::OK;
}

grpc::Status PredictStream::open(const v1::Open& open, v1::Opened* opened) {
  if (open.state_every() > kMaxStateEvery) {
    return invalid("open.state_every must be at most " + std::to_string(kMaxStateEvery) + " samples, got " +
                   std::to_string(open.state_every()));
  }
  if (open.state().size() > kMaxState) {
    return invalid("open.state must be at most " + std::to_string(kMaxState) + " bytes, got " +
                   std::to_string(open.state().size()));
  }
  const grpc::Status status = open_session(*repository_, open, opened, &hosted_);
  if (!status.ok()) return status;
  const std::size_t size = hosted_->session().state_size();
  if (open.state_every() == 0 || size == 0 || size > kMaxState) return status;
  state_every_ = open.state_every();
  state_.resize(size);
  return status;
}

// The next answer does not wait for the state to be taken.
void PredictStream::settle() {
  if (!hosted_) return;
  hosted_->session().settle();
  if (state_every_ == 0 || since_state_ < state_every_) return;
  hosted_->session().save(state_.data());
  since_state_ = 0;
  has_state_ = true;
}

void PredictStream::rehearse() {
  if (hosted_) hosted_->session().rehearse();
}

grpc::Status PredictStream::check_size(const v1::PredictRequest& request) const {
  const auto size = static_cast<std::size_t>(request.samples_size());
  const std::size_t n_features = hosted_->session().n_features();
  if (size % n_features != 0) {
    return invalid("samples must hold a multiple of " + std::to_string(n_features) + " values (" +
                   names(hosted_->host().spec()) + "), got " + std::to_string(size));
  }
  if (size / n_features > static_cast<std::size_t>(max_chunk_)) {
    return invalid("a request holds at most " + std::to_string(max_chunk_) + " samples, got " +
                   std::to_string(size / n_features) + ": split it");
  }
  if (size * sizeof(float) > kMaxMessage) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "a request holds at most " + std::to_string(kMaxMessage) +
                                                      " bytes, got " + std::to_string(size * sizeof(float)) +
                                                      ": split it"};
  }
  return grpc::Status::OK;
}

// A bucket of a second's samples, that fills as time goes by.
grpc::Status PredictStream::check_rate(int values, Clock::time_point arrival) {
  if (most_per_s_ <= 0.0) return grpc::Status::OK;
  const std::chrono::duration<double> passed = arrival - std::exchange(filled_, arrival);
  allowed_ = std::min(most_per_s_, allowed_ + passed.count() * most_per_s_);
  allowed_ -= static_cast<double>(values) / static_cast<double>(hosted_->session().n_features());
  if (allowed_ >= 0.0) return grpc::Status::OK;
  return {grpc::StatusCode::RESOURCE_EXHAUSTED,
          "more than " + std::to_string(std::lround(most_per_s_)) + " samples a second: send at the model's rate (" +
              std::to_string(std::lround(1.0 / hosted_->host().spec().dt_s)) + " Hz), or raise --max-rate"};
}

int PredictStream::predict(const v1::PredictRequest& request, v1::PredictResponse* response) {
  Session& session = hosted_->session();
  const auto samples = static_cast<std::size_t>(request.samples_size()) / session.n_features();
  const std::size_t count = samples + (request.flush() ? session.preview() : 0);
  if (count == 0) return 0;
  response->mutable_predictions()->Resize(static_cast<int>(count * session.n_outputs()), 0.0F);
  response->mutable_flags()->Resize(static_cast<int>(count), 0U);
  float* answers = response->mutable_predictions()->mutable_data();
  std::uint32_t* flags = response->mutable_flags()->mutable_data();
  if (samples == 1) {
    flags[0] = session.step(request.samples().data(), answers);
  } else if (samples > 1) {
    session.run(request.samples().data(), samples, answers, flags);
  }
  if (request.flush()) session.flush(answers + samples * session.n_outputs(), flags + samples);
  hosted_->host().counters().count_flags(flags, count);
  if (std::all_of(flags, flags + count, [](std::uint32_t f) { return f == 0; })) response->clear_flags();
  return static_cast<int>(count);
}

}  // namespace learn_rt::serve
