#include "spin_frontend.h"

#include <grpc/support/time.h>
#include <grpcpp/server_builder.h>
#include <pthread.h>
#include <sched.h>

#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "grpc_listen.h"
#include "learn_rt/doorbell.h"
#include "opening.h"
#include "spin_call.h"
#include "spin_stream.h"
#include "status.h"

namespace learn_rt::serve {
namespace {

constexpr std::int64_t kIdleMs = 50;  // between two looks while no stream is open

// A call with one answer.
class DescribeCall final : public SpinCall {
 public:
  static void await(SpinFrontend& frontend) {
    auto* call = new DescribeCall(frontend);  // NOLINT: it deletes itself with its last event
    frontend.service().RequestDescribe(&call->context_, &call->request_, &call->responder_, &frontend.queue(),
                                       &frontend.queue(), &call->tags_[kArrived]);
  }
  void on(int event, bool ok) override {
    if (event == kFinished || !ok) {
      delete this;
      return;
    }
    await(frontend_);
    v1::DescribeResponse response;
    const grpc::Status found = describe(*frontend_.repository(), request_, &response);
    responder_.Finish(response, frontend_.gate().ready() ? found : shutting_down(), &tags_[kFinished]);
  }

 private:
  enum Event { kArrived, kFinished };
  explicit DescribeCall(SpinFrontend& frontend) : frontend_(frontend) {}

  SpinFrontend& frontend_;
  Tag tags_[2] = {{this, kArrived}, {this, kFinished}};
  grpc::ServerContext context_;
  v1::DescribeRequest request_;
  grpc::ServerAsyncResponseWriter<v1::DescribeResponse> responder_{&context_};
};

// Rollouts take as long as they are many: they would hold up every stream.
class RolloutRefusal final : public SpinCall {
 public:
  static void await(SpinFrontend& frontend) {
    auto* call = new RolloutRefusal(frontend);  // NOLINT: it deletes itself with its last event
    frontend.service().RequestRollout(&call->context_, &call->call_, &frontend.queue(), &frontend.queue(),
                                      &call->tags_[kArrived]);
  }
  void on(int event, bool ok) override {
    if (event == kFinished || !ok) {
      delete this;
      return;
    }
    await(frontend_);
    call_.Finish({grpc::StatusCode::UNIMPLEMENTED,
                  "this address is polled for streams of samples (--spin): ask for rollouts at one of --listen"},
                 &tags_[kFinished]);
  }

 private:
  enum Event { kArrived, kFinished };
  explicit RolloutRefusal(SpinFrontend& frontend) : frontend_(frontend) {}

  SpinFrontend& frontend_;
  Tag tags_[2] = {{this, kArrived}, {this, kFinished}};
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<v1::RolloutResponse, v1::RolloutRequest> call_{&context_};
};

}  // namespace

void SpinFrontend::choose_polling() { ::setenv("GRPC_POLL_STRATEGY", "poll", 1); }

void SpinFrontend::check_cpus(int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (::sched_getaffinity(0, sizeof cpus, &cpus) != 0) return;
  if (cpu >= 0 && cpu < CPU_SETSIZE) CPU_CLR(static_cast<std::size_t>(cpu), &cpus);
  const int others = CPU_COUNT(&cpus) - (cpu < 0 ? 1 : 0);
  if (others > 0) return;
  throw std::runtime_error(
      "a thread that polls needs a CPU of its own, and this process may use only one: leave out --spin, or give the "
      "process another CPU");
}

SpinFrontend::SpinFrontend(const std::vector<ListenAddress>& addresses, const Security& security,
                           std::size_t max_buffers, int cpu, std::shared_ptr<const Repository> repository, Gate& gate)
    : repository_(std::move(repository)), gate_(gate) {
  for (const ListenAddress& address : addresses) {
    if (address.is_shm()) {
      throw std::runtime_error(address.text +
                               ": shared memory is polled where its client asks for it (wait='spin'): give it to "
                               "--listen, and --spin a Unix socket or a port");
    }
  }
  grpc::ServerBuilder builder;
  builder.RegisterService(&service_);
  queue_ = builder.AddCompletionQueue();
  server_ = listen(builder, addresses, security, max_buffers, &bound_);
  SpinStream::await(*this);
  DescribeCall::await(*this);
  RolloutRefusal::await(*this);
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "learn-spin");
  pin(cpu);
}

SpinFrontend::~SpinFrontend() { stop(); }

void SpinFrontend::stop() {
  shut_down(*server_);
  stop_.store(true, std::memory_order_release);
  thread_.join();
}

void SpinFrontend::pin(int cpu) {
  if (cpu < 0) return;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (cpu < CPU_SETSIZE) CPU_SET(static_cast<std::size_t>(cpu), &cpus);
  const int error = pthread_setaffinity_np(thread_.native_handle(), sizeof cpus, &cpus);
  if (error == 0) return;
  stop();
  throw std::runtime_error("--spin-cpu " + std::to_string(cpu) + ": " + std::strerror(error));
}

void SpinFrontend::run() {
  const gpr_timespec at_once = gpr_inf_past(GPR_CLOCK_MONOTONIC);
  void* tag = nullptr;
  for (bool ok = false;;) {
    const gpr_timespec until =
        !open_.empty() ? at_once
                       : gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(kIdleMs, GPR_TIMESPAN));
    switch (queue_->AsyncNext(&tag, &ok, until)) {
      case grpc::CompletionQueue::SHUTDOWN:
        return;
      case grpc::CompletionQueue::GOT_EVENT: {
        const auto* happened = static_cast<SpinCall::Tag*>(tag);
        happened->call->on(happened->event, ok);
        break;
      }
      case grpc::CompletionQueue::TIMEOUT:
        idle();
    }
  }
}

// No message waits.
void SpinFrontend::idle() {
  if (asked_.load(std::memory_order_acquire)) end_asked();
  // A call that is still open may ask the queue for more.
  if (open_.empty() && stop_.load(std::memory_order_acquire) && !shut_) {
    shut_ = true;
    queue_->Shutdown();
  }
  if (to_settle_.empty()) {
    if (!open_.empty()) open_[turn_++ % open_.size()]->rehearse(now_ns());
    return;
  }
  SpinStream* const stream = to_settle_.front();
  to_settle_.pop_front();
  stream->settle();
}

void SpinFrontend::end_soon(std::shared_ptr<SpinStream> stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  to_end_.push_back(std::move(stream));
  asked_.store(true, std::memory_order_release);
}

void SpinFrontend::end_asked() {
  std::vector<std::shared_ptr<SpinStream>> streams;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    asked_.store(false, std::memory_order_relaxed);
    streams.swap(to_end_);
  }
  for (const auto& stream : streams) stream->end_now();
}

}  // namespace learn_rt::serve
