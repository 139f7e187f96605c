#pragma once

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <string>
#include <utility>

#include "gate.h"
#include "status.h"

namespace learn_rt::serve {

// What becomes of a stream's messages, whichever way gRPC says that they are there: parse, answer, serialize, settle,
// and count how long each took. `Exchange` is the stream without its transport:
//   grpc::Status answer(const Request&, Response*)   the critical path; not OK ends the stream
//   void settle()                                    work that may wait until the answer is handed over
//   ModelHost* served()                              whose counters are meant; null before the stream is open
//   std::uint64_t answers()                          so far
//
// Messages are parsed here and not by gRPC, which cannot tell a message that does not parse from the end of the stream:
// the client would be told OK.
template <class Request, class Response, class Exchange>
class StreamHandler {
 public:
  template <class... Args>
  StreamHandler(Gate& gate, std::string peer, Args&&... args)
      : gate_(gate), peer_(std::move(peer)), exchange_(std::forward<Args>(args)...) {}

  // Where the next message is to be read to.
  grpc::ByteBuffer* received() { return &received_; }
  // What is to be written once answer() said OK.
  const grpc::ByteBuffer* sent() const { return &sent_; }

  // When the message in hand came.
  std::chrono::steady_clock::time_point came_at() const noexcept { return arrival_; }

  // Answers the message that was read. Not OK ends the stream.
  grpc::Status answer() {
    arrival_ = Clock::now();
    if (!grpc::SerializationTraits<Request>::Deserialize(&received_, &request_).ok()) {
      const grpc::Status status = invalid("a message that is no " + Request::descriptor()->full_name());
      if (ModelHost* host = exchange_.served()) host->counters().failures.count(status.error_code());
      return status;
    }
    parsed_ = Clock::now();
    const grpc::Status answered = exchange_.answer(request_, &response_);
    answered_ = Clock::now();
    if (!answered.ok()) return answered;
    sent_.Clear();
    bool owned = false;
    return grpc::SerializationTraits<Response>::Serialize(response_, &sent_, &owned);
  }

  // The answer is handed over to gRPC now, and was written. One at a time, but beside settle().
  void writing() {
    sent_for_ = exchange_.served();
    handed_over_ = Clock::now();
  }
  void written() {
    if (sent_for_ != nullptr) sent_for_->counters().stages.send.record(Clock::now() - handed_over_);
  }

  // Does the work that the next message would wait for, and counts what this one took.
  void settle() {
    const auto settling = Clock::now();
    exchange_.settle();
    ModelHost* host = exchange_.served();
    if (host == nullptr) return;
    Stages& stages = host->counters().stages;
    stages.receive.record(parsed_ - arrival_);
    stages.settle.record(Clock::now() - settling);
    if (announced_) return;
    announced_ = true;
    gate_.journal().opened(*host, peer_);
  }

  // What a thread that polls may do between two messages.
  void rehearse() { exchange_.rehearse(); }
  const Exchange& exchange() const { return exchange_; }
  // When the last message was there, and how long it took to answer.
  std::chrono::nanoseconds arrival() const { return arrival_.time_since_epoch(); }
  std::chrono::nanoseconds took() const { return answered_ - arrival_; }

  // The stream is over.
  void closed(const grpc::Status& status) {
    if (const ModelHost* host = exchange_.served()) {
      gate_.journal().closed(*host, peer_, exchange_.answers(), status);
    } else if (!status.ok()) {
      gate_.journal().refused(peer_, status);
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  Gate& gate_;
  const std::string peer_;
  Exchange exchange_;
  grpc::ByteBuffer received_, sent_;
  Request request_;  // kept from message to message, for their memory
  Response response_;
  ModelHost* sent_for_ = nullptr;  // what the write in flight belongs to
  Clock::time_point arrival_, parsed_, answered_, handed_over_;
  bool announced_ = false;
};

}  // namespace learn_rt::serve
