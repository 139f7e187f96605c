#include "shm_frontend.h"

#include <pthread.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "opening.h"
#include "status.h"

namespace learn_rt::serve {
namespace {

constexpr std::int64_t kLookNs = 50'000'000;  // how often the doorman looks whether clients live

// Puts a status and a message into a mailbox; what is too long is refused or cut.
void put(shm::Mailbox& mailbox, grpc::Status status, const std::string& message) {
  if (status.ok() && message.size() > shm::kMailbox)
    status = {grpc::StatusCode::RESOURCE_EXHAUSTED, "the answer does not fit into a mailbox of shared memory"};
  const std::string& bytes = status.ok() ? message : status.error_message();
  const std::size_t size = std::min(bytes.size(), shm::kMailbox);
  std::memcpy(mailbox.bytes, bytes.data(), size);
  mailbox.size = static_cast<std::uint32_t>(size);
  mailbox.code = static_cast<std::uint32_t>(status.error_code());
}

}  // namespace

ShmFrontend::ShmFrontend(const std::string& name, std::shared_ptr<const Repository> repository, Gate& gate)
    : name_(name), segment_(name), repository_(std::move(repository)), gate_(gate), seats_(shm::kSlots) {
  doorman_ = std::thread([this] { run(); });
  pthread_setname_np(doorman_.native_handle(), "learn-doorman");
}

ShmFrontend::~ShmFrontend() {
  stop_.store(true, std::memory_order_release);
  segment_->doorman.ring();
  doorman_.join();
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    if (seats_[i].stream) seats_[i].stream->end(shutting_down());
    look_at(i);
    leave(i);
  }
}

void ShmFrontend::run() {
  while (!stop_.load(std::memory_order_acquire)) {
    for (std::size_t i = 0; i < seats_.size(); ++i) {
      if (look_at(i)) answer(i);
    }
    segment_->doorman.wait(
        [this] {
          if (stop_.load(std::memory_order_acquire)) return true;
          for (std::size_t i = 0; i < seats_.size(); ++i) {
            if (segment_->slots[i].mailbox.calls.load(std::memory_order_acquire) != seats_[i].answered) return true;
          }
          return false;
        },
        now_ns() + kLookNs);
  }
}

// Ends what is over in slot i. True when a living client waits for an answer there.
bool ShmFrontend::look_at(std::size_t i) {
  shm::Mailbox& mailbox = segment_->slots[i].mailbox;
  Seat& seat = seats_[i];
  const std::uint32_t call = mailbox.calls.load(std::memory_order_acquire);
  const bool asked = call != seat.answered;
  if (!seat.stream && !asked) return false;
  if (!segment_.taken(i)) {
    leave(i);
    // What a dead client asked for needs no answer. The next one may have asked by now: that is not this call.
    seat.answered = call;
    mailbox.answered.store(call, std::memory_order_release);
    return false;
  }
  if (seat.stream && !asked) {
    if (const auto ended = seat.stream->ended()) {
      leave(i);
      put(mailbox, *ended, "");
      mailbox.ended.store(1, std::memory_order_release);
      segment_->slots[i].answers.bell.ring();
    }
  }
  return asked;
}

void ShmFrontend::answer(std::size_t i) {
  shm::Mailbox& mailbox = segment_->slots[i].mailbox;
  const std::uint32_t call = mailbox.calls.load(std::memory_order_acquire);
  // Copied before it is looked at: the client may write on.
  const std::uint32_t what = mailbox.call, wait = mailbox.wait;
  const std::string asked(reinterpret_cast<const char*>(mailbox.bytes),
                          std::min<std::size_t>(mailbox.size, shm::kMailbox));
  std::string said;
  const grpc::Status status = perform(i, what, wait, asked, &said);
  if (what == shm::kOpen && !status.ok()) gate_.journal().refused(peer(i), status);
  put(mailbox, status, said);
  seats_[i].answered = call;
  mailbox.answered.store(call, std::memory_order_release);
  segment_->slots[i].answers.bell.ring();
}

grpc::Status ShmFrontend::perform(std::size_t i, std::uint32_t call, std::uint32_t wait, const std::string& asked,
                                  std::string* said) {
  if (!gate_.ready()) return shutting_down();
  if (call == shm::kOpen) return open(i, wait, asked, said);
  if (call != shm::kDescribe) return invalid("no such call in a mailbox: " + std::to_string(call));
  v1::DescribeRequest request;
  v1::DescribeResponse response;
  if (!request.ParseFromString(asked)) return invalid("a message that is no learn_rt.v1.DescribeRequest");
  const grpc::Status described = describe(*repository_, request, &response);
  if (described.ok()) response.SerializeToString(said);
  return described;
}

grpc::Status ShmFrontend::open(std::size_t i, std::uint32_t wait, const std::string& asked, std::string* said) {
  leave(i);  // of a client that died, or that opens again
  if (wait > shm::kSpin) return invalid("no such way to wait: " + std::to_string(wait));
  v1::Open request;
  if (!request.ParseFromString(asked)) return invalid("a message that is no learn_rt.v1.Open");
  v1::Opened opened;
  std::unique_ptr<HostedSession> session;
  if (const grpc::Status status = open_session(*repository_, request, &opened, &session); !status.ok()) return status;
  shm::Slot& slot = segment_->slots[i];
  const std::string model = session->host().name();
  try {
    const auto stream = std::make_shared<ShmStream>(slot, static_cast<shm::Wait>(wait), std::move(session));
    if (const grpc::Status admitted = gate_.admit(stream); !admitted.ok()) return admitted;
    seats_[i].stream = stream;
    slot.mailbox.ended.store(0, std::memory_order_release);
    gate_.journal().opened(stream->served(), peer(i));
    stream->start();
  } catch (const std::exception& error) {
    leave(i);
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, model + ": " + error.what()};
  }
  opened.SerializeToString(said);
  return grpc::Status::OK;
}

std::string ShmFrontend::peer(std::size_t i) const { return "shm:" + name_ + "#" + std::to_string(i); }

void ShmFrontend::leave(std::size_t i) {
  if (!seats_[i].stream) return;
  ShmStream& stream = *seats_[i].stream;
  stream.stop();
  gate_.journal().closed(stream.served(), peer(i), stream.answers(), *stream.ended());
  gate_.leave(seats_[i].stream.get());
  seats_[i].stream.reset();
}

}  // namespace learn_rt::serve
