#include "shm_transport.h"

#include <stdexcept>
#include <utility>

#include "predictor_messages.h"
#include "server_transports.h"
#include "status_text.h"

namespace learn_rt::client {
namespace {

constexpr std::int64_t kDozeNs = 50'000;  // what a model that dozes may take

shm::Wait as_wire(Wait wait) {
  switch (wait) {
    case Wait::kSleep:
      return shm::kSleep;
    case Wait::kDoze:
      return shm::kDoze;
    case Wait::kSpin:
      return shm::kSpin;
  }
  return shm::kSleep;
}

}  // namespace

ShmTransport::ShmTransport(std::string name, Wait wait) : name_(std::move(name)), wait_(as_wire(wait)) {}

ShmTransport::Stream::Stream(const std::string& name, std::size_t n_features, std::size_t n_outputs)
    : seat(name),
      samples(seat.slot().samples, seat.slot().sample_bytes, n_features),
      answers(seat.slot().answers, seat.slot().answer_bytes, n_outputs),
      chunks(answers.capacity()),
      predictions(answers.capacity() * n_outputs),
      flags(answers.capacity()),
      versions(answers.capacity()) {
  if (std::min(samples.capacity(), answers.capacity()) < shm::kLeastRecords)
    throw std::runtime_error("the model's samples and answers are too wide for shared memory: use a Unix socket");
}

Spec ShmTransport::describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) {
  ShmSeat seat(name_);
  const ShmSeat::Reply reply = seat.ask(shm::kDescribe, write_describe(model, version), timeout);
  if (reply.code != 0) throw std::runtime_error(with_code(reply.code, reply.message));
  Spec spec = read_description(reply.message.data(), reply.message.size());
  adopt(spec);
  return spec;
}

void ShmTransport::adopt(const Spec& spec) {
  n_features_ = spec.n_features();
  n_outputs_ = spec.n_outputs();
}

void ShmTransport::open(const Opening& opening, Receiver& receiver) {
  receiver_ = &receiver;
  stream_ = std::make_unique<Stream>(name_, n_features_, n_outputs_);
  stream_->seat.call(shm::kOpen, wait_, write_open(opening));
}

void ShmTransport::finish_opening() {
  const ShmSeat::Reply reply = stream_->seat.reply();
  std::int64_t version = 0;
  if (reply.code != 0) return receiver_->lost(with_code(reply.code, reply.message));
  if (!read_opened(reply.message.data(), reply.message.size(), version))
    return receiver_->lost("the server broke the protocol: a reply that is no Opened");
  stream_->open = true;
  receiver_->opened(version);
}

std::size_t ShmTransport::room() noexcept {
  if (!stream_ || !stream_->open) return 0;
  // The server ends a stream whose answers have no place to go.
  return std::min(stream_->samples.room(), stream_->answers.capacity() - stream_->under_way);
}

void ShmTransport::send(const Chunk& chunk) {
  Stream& s = *stream_;
  for (std::size_t i = 0; i < chunk.n; ++i)
    s.samples.write(i, {chunk.sequence + i, chunk.stamp_ns}, chunk.samples + i * n_features_);
  s.chunks[s.end_chunk++ % s.chunks.size()] = static_cast<std::uint32_t>(chunk.n);
  s.under_way += chunk.n;
  s.samples.publish(chunk.n);
}

bool ShmTransport::poll() {
  if (!stream_) return true;
  if (!stream_->open) {
    if (stream_->seat.replied()) finish_opening();
    return true;
  }
  while (const std::uint64_t waiting = stream_->answers.waiting()) {
    if (waiting > stream_->under_way) {  // the rings are garbage
      stream_->broken.store(true, std::memory_order_release);
      return false;
    }
    take();
  }
  return true;
}

void ShmTransport::wait(std::int64_t until_ns) noexcept {
  const auto ready = [this] {
    return stream_->answers.waiting() > 0 || stream_->interrupted.load(std::memory_order_acquire);
  };
  stream_->seat.slot().answers.bell.wait(ready, until_ns);
}

void ShmTransport::interrupt() noexcept {
  if (!stream_) return;
  stream_->interrupted.store(true, std::memory_order_release);
  stream_->seat.slot().answers.bell.ring();
}

void ShmTransport::rehearse() noexcept {
  if (stream_) stream_->samples.prefetch();
}

std::int64_t ShmTransport::polls_ns() const noexcept { return wait_ == shm::kDoze ? kDozeNs : kPollNs; }

// Takes one answer; hands a chunk's over when it was the last of them.
void ShmTransport::take() {
  Stream& s = *stream_;
  shm::AnswerHead head{};
  s.answers.take(head, s.predictions.data() + s.collected * n_outputs_);
  --s.under_way;
  if (s.collected == 0) {
    s.sequence = head.sequence;
    s.stamp_ns = head.stamp_ns;
    s.compute_ns = 0;
  }
  const bool follows = head.sequence == s.sequence + s.collected;
  s.versions[s.collected] = head.version;
  s.flags[s.collected++] = head.flags;
  s.compute_ns += head.compute_ns;
  const std::uint32_t n = s.chunks[s.first_chunk % s.chunks.size()];
  if (follows && s.collected < n) return;
  ++s.first_chunk;
  const std::size_t count = std::exchange(s.collected, 0);
  receiver_->answered({follows ? s.sequence : head.sequence, s.stamp_ns, s.predictions.data(), count * n_outputs_,
                       s.flags.data(), count, s.compute_ns, head.version, s.versions.data()});
}

std::string ShmTransport::gone() const {
  if (!stream_) return {};
  if (stream_->broken.load(std::memory_order_acquire)) return "the server broke the protocol: a broken ring of answers";
  if (!stream_->open) return stream_->seat.server_lives() ? "" : "the server died";
  return stream_->seat.gone();
}

std::unique_ptr<Transport> make_shm_transport(const std::string& name, Wait wait) {
  return std::make_unique<ShmTransport>(name, wait);
}

}  // namespace learn_rt::client
