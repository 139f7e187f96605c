#pragma once

#include <grpcpp/support/server_callback.h>
#include <sched.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "gate.h"
#include "stream_handler.h"

namespace learn_rt::serve {

// One bidirectional stream on gRPC's callback API: read, answer, write, settle, read again, as StreamHandler says.
//
// The inference runs inline on the stream's own event. The next sample is read only when the work on this one and its
// write are both done, so there is one write in flight, one thread at a time in the exchange, and one answer a request,
// in order.
using RawStream = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

template <class Request, class Response, class Exchange>
class StreamReactor final : public RawStream, public OpenStream {
 public:
  // The reactor of a new call; it owns itself until the call is done.
  template <class... Args>
  static RawStream* start(Gate& gate, grpc::CallbackServerContext& call, Args&&... args) {
    auto reactor = std::make_shared<StreamReactor>(gate, call.peer(), std::forward<Args>(args)...);
    reactor->self_ = reactor;
    const grpc::Status admitted = gate.admit(reactor, host_of(call.peer()));
    admitted.ok() ? reactor->read() : reactor->end(admitted);
    return reactor.get();
  }

  template <class... Args>
  StreamReactor(Gate& gate, std::string peer, Args&&... args)
      : gate_(gate), handler_(gate, std::move(peer), std::forward<Args>(args)...) {}

  void end(const grpc::Status& status) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (finished_ || ending_) return;
    ending_ = status;
    if (!answering_ && !writing_) finish();
  }

 private:
  void OnReadDone(bool ok) override {
    if (!ok) return end(grpc::Status::OK);  // the client is through, or gone
    if (!accept()) return;
    if (const grpc::Status answered = handler_.answer(); !answered.ok()) return fail(answered);
    hear(handler_.came_at());
    write();
    // The kernel likes to put the client that the answer woke onto this core, behind the settling: let it run first.
    // (100 us of settling, paced at 1 kHz: p50 340 -> 210 us.)
    ::sched_yield();
    handler_.settle();
    one_done();
  }

  void OnWriteDone(bool /*ok*/) override {  // a broken stream shows in the next read
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      writing_ = false;
      handler_.written();
      if (ending_) finish();
    }
    one_done();
  }

  void OnDone() override {
    const std::shared_ptr<StreamReactor> self = std::move(self_);
    handler_.closed(*ending_);
    gate_.leave(this);
  }

  // From here on the message gets its answer, also when the stream is ended meanwhile. False when it has been ended.
  bool accept() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return answering_ = !ending_;
  }

  void fail(const grpc::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    answering_ = false;
    ending_ = status;
    finish();
  }

  void write() {
    const std::lock_guard<std::mutex> lock(mutex_);
    answering_ = false;
    writing_ = true;
    to_do_ = 2;
    handler_.writing();
    StartWrite(handler_.sent());
  }

  // The write and the settling end in either order, on different threads.
  void one_done() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (--to_do_ == 0 && !ending_) StartRead(handler_.received());
  }

  void read() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!ending_) StartRead(handler_.received());
  }

  void finish() {  // mutex_ held
    if (finished_) return;
    finished_ = true;
    Finish(*ending_);
  }

  Gate& gate_;
  StreamHandler<Request, Response, Exchange> handler_;
  std::mutex mutex_;  // guards what follows and every call into gRPC: another thread may end the stream at any moment
  std::optional<grpc::Status> ending_;
  bool finished_ = false;
  bool answering_ = false;
  bool writing_ = false;
  int to_do_ = 0;
  std::shared_ptr<StreamReactor> self_;
};

}  // namespace learn_rt::serve
