#include "grpc_stream.h"

#include "grpc_cause.h"
#include "open_message.h"
#include "quiet_thread.h"

namespace learn_rt::client {

GrpcStream::GrpcStream(const Endpoint& endpoint, const Opening& opening, Receiver& receiver, bool spin)
    : endpoint_(endpoint), channel_(endpoint), receiver_(receiver), stub_(v1::Predictor::NewStub(channel_.channel())) {
  channel_.sign(context_);
  *open_.mutable_open() = open_message(opening);
  call_ = stub_->PrepareAsyncPredict(&context_, &queue_);
  call_->StartCall(tag(kStarted));
  if (!spin) thread_ = quiet_thread("learn-receive", [this] { wait_until_finished(); });
}

GrpcStream::~GrpcStream() {
  context_.TryCancel();
  if (thread_.joinable()) {
    thread_.join();
  } else {
    wait_until_finished();
  }
  queue_.Shutdown();
  void* last = nullptr;
  for (bool ok = false; queue_.Next(&last, &ok);) {
  }
}

void GrpcStream::wait_until_finished() {
  void* event = nullptr;
  for (bool ok = false; !finished_ && queue_.Next(&event, &ok);)
    handle(static_cast<Event>(reinterpret_cast<std::intptr_t>(event)), ok);
}

void GrpcStream::poll() {
  void* event = nullptr;
  bool ok = false;
  while (!finished_ &&
         queue_.AsyncNext(&event, &ok, gpr_inf_past(GPR_CLOCK_MONOTONIC)) == grpc::CompletionQueue::GOT_EVENT)
    handle(static_cast<Event>(reinterpret_cast<std::intptr_t>(event)), ok);
}

void GrpcStream::handle(Event event, bool ok) {
  switch (event) {
    case kStarted:
      if (!ok) return call_->Finish(&status_, tag(kFinished));
      call_->Write(open_, tag(kWritten));
      return call_->Read(&response_, tag(kRead));
    case kWritten:
      // A write that failed leaves the stream without a reader too: the read says so, with the status.
      writing_.store(false, std::memory_order_release);
      if (ok) receiver_.writable();
      return;
    case kRead:
      if (!ok) return call_->Finish(&status_, tag(kFinished));
      take(response_);
      return call_->Read(&response_, tag(kRead));
    case kFinished:
      finished_ = true;
      return receiver_.lost(status_.ok() ? "the server ended the stream" : cause_of(status_, endpoint_));
  }
}

void GrpcStream::take(const v1::PredictResponse& response) {
  if (response.has_opened()) version_ = response.opened().version();
  if (!opened_) {
    opened_ = response.has_opened();
    return opened_ ? receiver_.opened(version_)
                   : receiver_.lost("the server broke the protocol: its first message does not open");
  }
  receiver_.answered({response.sequence(), static_cast<std::int64_t>(response.stamp_ns()),
                      response.predictions().data(), static_cast<std::size_t>(response.predictions_size()),
                      response.flags().data(), static_cast<std::size_t>(response.flags_size()), response.compute_ns(),
                      version_, nullptr, response.state().data(), response.state().size()});
}

void GrpcStream::send(const Chunk& chunk) {
  request_.set_sequence(chunk.sequence);
  request_.set_stamp_ns(static_cast<std::uint64_t>(chunk.stamp_ns));
  auto& samples = *request_.mutable_samples();
  samples.Clear();
  samples.Add(chunk.samples, chunk.samples + chunk.n * chunk.n_features);
  writing_.store(true, std::memory_order_release);
  call_->Write(request_, tag(kWritten));
}

}  // namespace learn_rt::client
