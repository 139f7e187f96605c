#include "shm_stream.h"

#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <stdexcept>
#include <string>

#include "status.h"

namespace learn_rt::serve {
namespace {

constexpr std::int64_t kLateNs = 150'000;             // a sample that is later than this is waited for asleep
constexpr std::int64_t kLookNs = 50'000'000;          // a sleeper looks up this often, so that it can be ended
constexpr std::int64_t kLastAnswersNs = 500'000'000;  // for what came before the end
constexpr unsigned kLooks = 1024;                     // polls between two looks at whether the stream is to end
constexpr unsigned kGlances = 16;                     // and at the clock

}  // namespace

ShmStream::ShmStream(shm::Slot& slot, shm::Wait wait, std::unique_ptr<HostedSession> session)
    : slot_(slot),
      wait_(wait),
      hosted_(std::move(session)),
      samples_(slot.samples, slot.sample_bytes, hosted_->session().n_features()),
      answers_(slot.answers, slot.answer_bytes, hosted_->session().n_outputs()),
      sample_(hosted_->session().n_features()),
      answer_(hosted_->session().n_outputs()),
      rehearsal_(static_cast<std::int64_t>(hosted_->host().spec().dt_s * 1e9), true) {
  if (std::min(samples_.capacity(), answers_.capacity()) < shm::kLeastRecords)
    throw std::runtime_error("its samples and answers are too wide for shared memory: use a Unix socket");
  hear(std::chrono::steady_clock::now());  // it says what it wants before there is a stream
  // The positions begin at 0 on both sides, before the client is told that the stream is open.
  for (auto* ring : {&slot.samples, &slot.answers}) {
    ring->head.store(0, std::memory_order_relaxed);
    ring->tail.store(0, std::memory_order_relaxed);
  }
}

ShmStream::~ShmStream() { stop(); }

void ShmStream::stop() {
  end(grpc::Status::OK);
  if (thread_.joinable()) thread_.join();
}

void ShmStream::start() {
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "learn-shm");
}

void ShmStream::end(const grpc::Status& status) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (status_) return;
    status_ = status;
  }
  listened_to_.store(!status.ok(), std::memory_order_relaxed);
  ending_.store(true, std::memory_order_release);
  slot_.samples.bell.ring();
}

std::optional<grpc::Status> ShmStream::ended() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

void ShmStream::run() {
  ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);  // or a timed sleep is 50 us longer than asked
  while (!ending_.load(std::memory_order_acquire)) {
    if (!wait_for_sample()) continue;
    if (!serve()) return;
    rehearsal_.answered(arrival_ns_, took_ns_);
    if (wait_ == shm::kDoze && samples_.waiting() == 0) until_due();
  }
  if (listened_to_.load(std::memory_order_relaxed)) answer_what_came();
}

// A client can use the answers of a chunk only together, so the last one is finished; what comes from here on is not
// taken any more.
void ShmStream::answer_what_came() {
  const auto until_ns = now_ns() + kLastAnswersNs;
  for (auto left = samples_.waiting(); left > 0 && now_ns() < until_ns; --left) {
    if (!serve()) return;
  }
}

// The next sample, which is there. False when the client broke the stream.
bool ShmStream::serve() {
  arrival_ns_ = now_ns();
  hear(std::chrono::steady_clock::time_point(std::chrono::nanoseconds(arrival_ns_)));
  if (samples_.waiting() > samples_.capacity()) return fail("the ring of samples was broken");
  // A client keeps room for the answers to what it sends.
  if (answers_.room() == 0) return fail("no room for an answer: the client sends more than it takes");
  answer();
  settle();
  return true;
}

bool ShmStream::fail(const std::string& cause) {
  hosted_->failed(cause);
  end(invalid(cause));
  return false;
}

void ShmStream::answer() {
  shm::SampleHead asked{};
  samples_.take(asked, sample_.data());
  hosted_->turn();
  hosted_->tag(asked.sequence, asked.stamp_ns, arrival_ns_);
  const std::uint32_t flags = hosted_->session().step(sample_.data(), answer_.data());
  took_ns_ = now_ns() - arrival_ns_;
  const auto compute_ns = std::min<std::int64_t>(took_ns_, std::numeric_limits<std::uint32_t>::max());
  answers_.write(
      0, {asked.sequence, asked.stamp_ns, flags, static_cast<std::uint32_t>(compute_ns), hosted_->host().version()},
      answer_.data());
  answers_.publish(1);
  Counters& counters = hosted_->host().counters();
  counters.answered(1, std::chrono::nanoseconds(took_ns_));
  counters.count_flags(&flags, 1);
  ++n_;
}

void ShmStream::settle() {
  const std::int64_t begin_ns = now_ns();
  hosted_->session().settle();
  hosted_->host().counters().stages.settle.record(std::chrono::nanoseconds(now_ns() - begin_ns));
}

// False when there is none: the stream may be to end.
bool ShmStream::wait_for_sample() {
  const std::int64_t asleep_from_ns = now_ns() + (wait_ == shm::kDoze ? Rehearsal::kGuardNs + kLateNs : 0);
  for (unsigned i = 1; wait_ == shm::kSpin || now_ns() < asleep_from_ns; ++i) {
    if (samples_.waiting() != 0) return true;
    if (i % kGlances == 1 && rehearsal_.wanted(now_ns())) rehearse();
    if (i % kLooks == 0 && ending_.load(std::memory_order_relaxed)) return false;
    relax();
  }
  return samples_.bell().wait([this] { return samples_.waiting() != 0 || ending_.load(std::memory_order_acquire); },
                              now_ns() + kLookNs) &&
         !ending_.load(std::memory_order_relaxed);
}

// Sleeps until shortly before the next sample is due, or one is there.
void ShmStream::until_due() {
  samples_.bell().wait([this] { return samples_.waiting() != 0 || ending_.load(std::memory_order_acquire); },
                       rehearsal_.nearly_due_ns());
}

// What the thread or its core did meanwhile has pushed the model out of the caches.
void ShmStream::rehearse() {
  hosted_->session().rehearse();
  rehearsal_.done(now_ns());
}

}  // namespace learn_rt::serve
