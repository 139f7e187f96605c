#include "spin_stream.h"

#include "spin_frontend.h"

namespace learn_rt::serve {

void SpinStream::await(SpinFrontend& frontend) {
  const auto stream = std::make_shared<SpinStream>(frontend);
  stream->self_ = stream;
  frontend.service().RequestPredict(&stream->context_, &stream->call_, &frontend.queue(), &frontend.queue(),
                                    stream->tag(kArrived));
}

SpinStream::SpinStream(SpinFrontend& frontend) : frontend_(frontend) {
  for (int event = 0; event < kEvents; ++event) tags_[event] = {this, event};
}

void SpinStream::on(int event, bool ok) {
  switch (event) {
    case kArrived:
      if (!ok) return self_.reset();  // the server stops
      await(frontend_);
      return admit();
    case kRead:
      reading_ = false;
      if (finished_) return leave();
      return ok ? answer() : finish(grpc::Status::OK);  // not ok: the client is through, or gone
    case kWritten:                                      // a broken stream shows in the next read
      handler_->written();
      return one_done();
    case kFinished:
      over_ = true;
      return leave();
  }
}

void SpinStream::admit() {
  frontend_.opened(*this);
  handler_.emplace(frontend_.gate(), context_.peer(), frontend_.repository(), frontend_.gate().limits().samples_per_s,
                   kMaxChunk);
  const grpc::Status admitted = frontend_.gate().admit(shared_from_this(), host_of(context_.peer()));
  admitted.ok() ? read() : finish(admitted);
}

void SpinStream::read() {
  reading_ = true;
  call_.Read(handler_->received(), tag(kRead));
}

void SpinStream::answer() {
  if (const grpc::Status answered = handler_->answer(); !answered.ok()) return finish(answered);
  to_do_ = 2;
  handler_->writing();
  call_.Write(*handler_->sent(), tag(kWritten));
  hear(handler_->came_at());
  frontend_.settle_later(*this);
}

void SpinStream::settle() {
  handler_->settle();
  if (const ModelHost* host = handler_->exchange().served()) {
    if (!rehearsal_) rehearsal_.emplace(static_cast<std::int64_t>(host->spec().dt_s * 1e9), false);
    rehearsal_->answered(handler_->arrival().count(), handler_->took().count());
  }
  one_done();
}

void SpinStream::rehearse(std::int64_t now_ns) {
  if (!rehearsal_ || !reading_ || !rehearsal_->wanted(now_ns)) return;
  handler_->rehearse();
  rehearsal_->done(now_ns);
}

void SpinStream::one_done() {
  if (--to_do_ > 0) return;
  const auto ending = [this] {
    const std::lock_guard<std::mutex> lock(mutex_);
    return ending_;
  }();
  ending ? finish(*ending) : read();
}

void SpinStream::end(const grpc::Status& status) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (ending_) return;
    ending_ = status;
  }
  frontend_.end_soon(shared_from_this());
}

void SpinStream::end_now() {
  if (to_do_ == 0 && !finished_) finish(*ending_);
}

void SpinStream::finish(const grpc::Status& status) {
  finished_ = status;
  call_.Finish(status, tag(kFinished));
}

// Gone when gRPC has nothing of it any more: the read that stood when the call was finished comes back too.
void SpinStream::leave() {
  if (!over_ || reading_) return;
  const std::shared_ptr<SpinStream> self = std::move(self_);
  handler_->closed(*finished_);
  frontend_.closed(*this);
  frontend_.gate().leave(this);
}

}  // namespace learn_rt::serve
