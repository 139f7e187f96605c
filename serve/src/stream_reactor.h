#pragma once

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <sched.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "gate.h"
#include "status.h"

namespace learn_rt::serve {

// One bidirectional stream on gRPC's callback API: read, answer, write, settle, read again. `Exchange` is the stream
// without its transport:
//   grpc::Status answer(const Request&, Response*)   the critical path; not OK ends the stream
//   void settle()                                    work that may wait until the answer is handed over
//   ModelHost* served()                              whose counters are meant; null before the stream is open
//   std::uint64_t answers()                          so far
//
// The inference runs inline on the stream's own event. The next sample is read only when the work on this one and its
// write are both done, so there is one write in flight, one thread at a time in the exchange, and one answer a request,
// in order.
//
// Messages are parsed here and not by gRPC, whose callback API cannot tell a message that does not parse from the end
// of the stream: the client would be told OK.
using RawStream = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

template <class Request, class Response, class Exchange>
class StreamReactor final : public RawStream, public OpenStream {
 public:
  // The reactor of a new call; it owns itself until the call is done.
  template <class... Args>
  static RawStream* start(Gate& gate, grpc::CallbackServerContext& call, Args&&... args) {
    auto reactor = std::make_shared<StreamReactor>(gate, call.peer(), std::forward<Args>(args)...);
    reactor->self_ = reactor;
    const grpc::Status admitted = gate.admit(reactor);
    admitted.ok() ? reactor->read() : reactor->end(admitted);
    return reactor.get();
  }

  template <class... Args>
  StreamReactor(Gate& gate, std::string peer, Args&&... args)
      : gate_(gate), peer_(std::move(peer)), exchange_(std::forward<Args>(args)...) {}

  void end(const grpc::Status& status) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (finished_ || ending_) return;
    ending_ = status;
    if (!writing_) finish();
  }

 private:
  using Clock = std::chrono::steady_clock;

  void OnReadDone(bool ok) override {
    const auto arrival = Clock::now();
    if (!ok) return end(grpc::Status::OK);  // the client is through, or gone
    if (const grpc::Status answered = answer(); !answered.ok()) return end(answered);
    if (!write()) return;
    // The kernel likes to put the client that the answer woke onto this core, behind the settling: let it run first.
    // (100 us of settling, paced at 1 kHz: p50 340 -> 210 us.)
    ::sched_yield();
    const auto settling = Clock::now();
    exchange_.settle();
    note(arrival, settling);
    one_done();
  }

  grpc::Status answer() {
    if (!grpc::SerializationTraits<Request>::Deserialize(&received_, &request_).ok()) {
      const grpc::Status status = invalid("a message that is no " + Request::descriptor()->full_name());
      if (ModelHost* host = exchange_.served()) host->counters().failures.count(status.error_code());
      return status;
    }
    parsed_ = Clock::now();
    const grpc::Status answered = exchange_.answer(request_, &response_);
    if (!answered.ok()) return answered;
    sent_.Clear();
    bool owned = false;
    return grpc::SerializationTraits<Response>::Serialize(response_, &sent_, &owned);
  }

  void OnWriteDone(bool /*ok*/) override {  // a broken stream shows in the next read
    {
      const auto now = Clock::now();
      const std::lock_guard<std::mutex> lock(mutex_);
      writing_ = false;
      if (sent_for_ != nullptr) sent_for_->counters().stages.send.record(now - written_);
      if (ending_) finish();
    }
    one_done();
  }

  void OnDone() override {
    const std::shared_ptr<StreamReactor> self = std::move(self_);
    if (const ModelHost* host = exchange_.served()) {
      gate_.journal().closed(*host, peer_, exchange_.answers(), *ending_);
    } else if (!ending_->ok()) {
      gate_.journal().refused(peer_, *ending_);
    }
    gate_.leave(this);
  }

  // False when the stream has been ended.
  bool write() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (ending_) return false;
    writing_ = true;
    to_do_ = 2;
    sent_for_ = exchange_.served();
    written_ = Clock::now();
    StartWrite(&sent_);
    return true;
  }

  // Counts what this message took, after its answer is handed over.
  void note(Clock::time_point arrival, Clock::time_point settling) {
    ModelHost* host = exchange_.served();
    if (host == nullptr) return;
    Stages& stages = host->counters().stages;
    stages.receive.record(parsed_ - arrival);
    stages.settle.record(Clock::now() - settling);
    if (announced_) return;
    announced_ = true;
    gate_.journal().opened(*host, peer_);
  }

  // The write and the settling end in either order, on different threads.
  void one_done() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--to_do_ == 0 && !ending_) StartRead(&received_);
  }

  void read() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!ending_) StartRead(&received_);
  }

  void finish() {  // mutex_ held
    if (finished_) return;
    finished_ = true;
    Finish(*ending_);
  }

  Gate& gate_;
  const std::string peer_;
  Exchange exchange_;
  grpc::ByteBuffer received_, sent_;
  Request request_;  // kept from message to message, for their memory
  Response response_;
  std::mutex mutex_;  // guards what follows and every call into gRPC: another thread may end the stream at any moment
  std::optional<grpc::Status> ending_;
  bool finished_ = false;
  bool writing_ = false;
  int to_do_ = 0;
  ModelHost* sent_for_ = nullptr;  // what the write in flight belongs to
  Clock::time_point written_;      // when it was handed over
  Clock::time_point parsed_;
  bool announced_ = false;
  std::shared_ptr<StreamReactor> self_;
};

}  // namespace learn_rt::serve
