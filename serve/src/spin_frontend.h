#pragma once

#include <grpcpp/server.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "address.h"
#include "gate.h"
#include "learn_rt/v1/predictor.grpc.pb.h"
#include "repository.h"
#include "security.h"

namespace learn_rt::serve {

class SpinStream;

// learn_rt.v1.Predictor's streams of samples on gRPC's asynchronous API, for addresses of their own: one thread asks
// the completion queue again and again and never sleeps while a stream is open, so that no sample waits for a thread to
// wake. It answers every message that is there before it settles any, one message a stream in turn.
//
// A gRPC server of its own, because gRPC polls the connections of a server on any of its threads: one that sleeps on
// them would be woken for each message. For the same reason the process has to poll each server's connections apart
// (GRPC_POLL_STRATEGY=poll, set here before gRPC starts); with one poll set for all it answers the same, but later.
class SpinFrontend {
 public:
  using Service = v1::Predictor::WithRawMethod_Predict<
      v1::Predictor::WithAsyncMethod_Rollout<v1::Predictor::WithAsyncMethod_Describe<v1::Predictor::Service>>>;

  // Call before gRPC is used in this process for the first time.
  static void choose_polling();
  // Throws std::runtime_error unless there is a CPU for the thread (`cpu`; -1: any) and another for all else.
  static void check_cpus(int cpu);

  // Serves when it returns. Throws std::runtime_error: which address cannot be listened on, or which CPU it cannot
  // have.
  SpinFrontend(const std::vector<ListenAddress>& addresses, const Security& security, std::size_t max_buffers, int cpu,
               std::shared_ptr<const Repository> repository, Gate& gate);
  ~SpinFrontend();  // streams that the gate has not ended are cancelled
  SpinFrontend(const SpinFrontend&) = delete;
  SpinFrontend& operator=(const SpinFrontend&) = delete;

  const std::vector<std::string>& addresses() const noexcept { return bound_; }

  // For the calls, on the polling thread.
  Service& service() noexcept { return service_; }
  grpc::ServerCompletionQueue& queue() noexcept { return *queue_; }
  Gate& gate() noexcept { return gate_; }
  const std::shared_ptr<const Repository>& repository() const noexcept { return repository_; }
  void opened(SpinStream& stream) { open_.push_back(&stream); }
  void closed(SpinStream& stream) { open_.erase(std::find(open_.begin(), open_.end(), &stream)); }
  void settle_later(SpinStream& stream) { to_settle_.push_back(&stream); }

  // Any thread: the stream's end_now() is called on the polling one, when no message waits.
  void end_soon(std::shared_ptr<SpinStream> stream);

 private:
  void stop();
  void pin(int cpu);
  void run();
  void idle();
  void end_asked();

  const std::shared_ptr<const Repository> repository_;
  Gate& gate_;
  Service service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::vector<std::string> bound_;
  std::unique_ptr<grpc::Server> server_;
  // The polling thread's own.
  std::vector<SpinStream*> open_;
  std::size_t turn_ = 0;  // whose it is to rehearse
  bool shut_ = false;
  std::deque<SpinStream*> to_settle_;
  // Streams to end.
  std::atomic<bool> asked_{false};
  std::mutex mutex_;
  std::vector<std::shared_ptr<SpinStream>> to_end_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace learn_rt::serve
