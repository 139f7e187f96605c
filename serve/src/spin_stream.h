#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <memory>
#include <mutex>
#include <optional>

#include "gate.h"
#include "learn_rt/v1/predictor.pb.h"
#include "predict_stream.h"
#include "rehearsal.h"
#include "spin_call.h"
#include "stream_handler.h"

namespace learn_rt::serve {

class SpinFrontend;

// One Predict stream of a SpinFrontend: read, answer, write, settle, read again, as StreamHandler says. The polling
// thread's, but for end().
class SpinStream final : public SpinCall, public OpenStream, public std::enable_shared_from_this<SpinStream> {
 public:
  static constexpr int kMaxChunk = 256;  // samples in a message: every other stream waits for them

  // Waits for the next call of Predict; the stream owns itself until that call is over.
  static void await(SpinFrontend& frontend);

  explicit SpinStream(SpinFrontend& frontend);

  void on(int event, bool ok) override;
  void settle();
  // Rehearses the next step when its sample is nearly due.
  void rehearse(std::int64_t now_ns);
  void end(const grpc::Status& status) override;
  // Ends the stream as end() was told, once the message in hand is answered.
  void end_now();

 private:
  enum Event { kArrived, kRead, kWritten, kFinished, kEvents };

  void admit();
  void read();
  void answer();
  void one_done();
  void finish(const grpc::Status& status);
  void leave();
  void* tag(Event event) { return &tags_[event]; }

  SpinFrontend& frontend_;
  Tag tags_[kEvents];
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> call_{&context_};
  std::optional<StreamHandler<v1::PredictRequest, v1::PredictResponse, PredictStream>> handler_;  // of a call
  std::optional<Rehearsal> rehearsal_;                                                            // once it is open
  bool reading_ = false;
  int to_do_ = 0;                         // of the message in hand: its write, its settling
  std::optional<grpc::Status> finished_;  // what the call ends with
  bool over_ = false;                     // the client was told
  std::mutex mutex_;
  std::optional<grpc::Status> ending_;  // what end() was told
  std::shared_ptr<SpinStream> self_;
};

}  // namespace learn_rt::serve
