#include "h2_transport.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "learn_rt/doorbell.h"
#include "predictor_messages.h"
#include "server_transports.h"
#include "state_keeping.h"

namespace learn_rt::client {
namespace {

constexpr std::size_t kLargestDescription = 4 << 20;  // bytes, as gRPC's own limit
constexpr std::size_t kBesideValues = 4096;           // bytes of an answer that are no predictions and flags
constexpr std::size_t kBytesOfFlags = 5;              // a varint of 32 bits
constexpr std::int64_t kLookNs = 50'000'000;

struct Description final : H2Call::Sink {
  void received(const char* message, std::size_t size) noexcept override {
    bytes.assign(message, size);
    ++n;
  }
  std::string bytes;
  int n = 0;
};

}  // namespace

H2Transport::H2Transport(Endpoint endpoint, bool spin) : endpoint_(std::move(endpoint)), spin_(spin) {}

Spec H2Transport::describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) {
  const auto until = now_ns() + std::chrono::nanoseconds(timeout).count();
  H2Call::Terms terms;
  terms.path = "/learn_rt.v1.Predictor/Describe";
  terms.first = write_describe(model, version);
  terms.unary = true;
  terms.timeout = terms.patience = timeout;
  terms.largest_response = kLargestDescription;
  Description description;
  H2Call call(endpoint_, std::move(terms), description);
  while (call.step()) {
    const auto now = now_ns();
    if (now > until)
      throw std::runtime_error("DEADLINE_EXCEEDED: no answer within " + std::to_string(timeout.count()) + " ms");
    call.wait(std::min(until, now + kLookNs));
  }
  if (!call.ok()) throw std::runtime_error(call.cause());
  if (description.n != 1)
    throw std::runtime_error("the server broke the protocol: " + std::to_string(description.n) +
                             " replies to one call");
  Spec spec = read_description(description.bytes.data(), description.bytes.size());
  adopt(spec);
  return spec;
}

void H2Transport::adopt(const Spec& spec) {
  n_features_ = spec.n_features();
  n_outputs_ = spec.n_outputs();
  state_bytes_ = Keeping::of(spec, Swap::kPinned).state_bytes;
}

void H2Transport::open(const Opening& opening, Receiver& receiver) {
  receiver_ = &receiver;
  opened_ = false;
  const std::size_t most = max_chunk(n_features_);
  predictions_.resize(most * n_outputs_);
  flags_.resize(most);
  H2Call::Terms terms;
  terms.path = "/learn_rt.v1.Predictor/Predict";
  terms.first = write_first_request(opening);
  terms.patience = opening.patience;
  terms.largest_request = most_bytes(most * n_features_);
  terms.largest_response = most * (sizeof(float) * n_outputs_ + kBytesOfFlags) + kBesideValues + state_bytes_;
  call_ = std::make_unique<H2Call>(endpoint_, std::move(terms), static_cast<H2Call::Sink&>(*this));
}

std::size_t H2Transport::room() noexcept {
  return call_ && opened_ && call_->next_message() != nullptr ? max_chunk(n_features_) : 0;
}

void H2Transport::send(const Chunk& chunk) {
  const std::size_t room = most_bytes(max_chunk(n_features_) * n_features_);
  call_->send(write_samples(chunk, call_->next_message(), room));
}

void H2Transport::received(const char* message, std::size_t size) noexcept {
  PredictAnswer answer;
  if (!read_answer(message, size, {predictions_.data(), predictions_.size(), flags_.data(), flags_.size()}, answer))
    return call_->refuse("the server broke the protocol: a message that is no PredictResponse");
  if (answer.opened) version_ = answer.version;
  if (!opened_) {
    if (!answer.opened) return call_->refuse("the server broke the protocol: its first message does not open");
    opened_ = true;
    return receiver_->opened(version_);
  }
  receiver_->answered({answer.sequence, answer.stamp_ns, predictions_.data(), answer.n_predictions, flags_.data(),
                       answer.n_flags, answer.compute_ns, version_, nullptr, answer.state, answer.state_size});
}

void H2Transport::interrupt() noexcept {
  if (call_) call_->interrupt();
}

std::unique_ptr<Transport> make_h2_transport(const Endpoint& endpoint, bool spin) {
  return std::make_unique<H2Transport>(endpoint, spin);
}

}  // namespace learn_rt::client
