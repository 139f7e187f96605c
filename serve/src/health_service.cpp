#include "health_service.h"

#include <optional>
#include <utility>

#include "status.h"

namespace learn_rt::serve {

using health::HealthCheckResponse;
using Status = HealthCheckResponse::ServingStatus;

// One Watch. It is told a state, writes it when the last write is out, and leaves out states that were passed
// meanwhile.
class HealthService::Watcher final : public grpc::ServerWriteReactor<HealthCheckResponse>,
                                     public std::enable_shared_from_this<Watcher> {
 public:
  Watcher(HealthService& service, bool known) : service_(service), known_(known) {}

  void tell(Status status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    wanted_ = known_ ? status : HealthCheckResponse::SERVICE_UNKNOWN;
    advance();
  }

  void end(const grpc::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!ending_) ending_ = status;
    advance();
  }

 private:
  void OnWriteDone(bool ok) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    if (!ok && !ending_) ending_ = grpc::Status::CANCELLED;
    advance();
  }

  void OnCancel() override { end(grpc::Status::CANCELLED); }

  void OnDone() override {
    const std::shared_ptr<Watcher> self = shared_from_this();
    const std::lock_guard<std::mutex> lock(service_.mutex_);
    service_.watchers_.erase(self);
  }

  void advance() {  // mutex_ held; one write in flight
    if (writing_ || finished_) return;
    if (wanted_ && wanted_ != written_) {
      written_ = wanted_;
      message_.set_status(*wanted_);
      writing_ = true;
      StartWrite(&message_);
    } else if (ending_) {
      finished_ = true;
      Finish(*ending_);
    }
  }

  HealthService& service_;
  const bool known_;
  std::mutex mutex_;
  HealthCheckResponse message_;
  std::optional<Status> wanted_, written_;
  std::optional<grpc::Status> ending_;
  bool writing_ = false;
  bool finished_ = false;
};

namespace {

std::set<std::string> with_server(const std::vector<std::string>& services) {
  std::set<std::string> all(services.begin(), services.end());
  all.insert("");
  return all;
}

}  // namespace

HealthService::HealthService(const std::vector<std::string>& services) : services_(with_server(services)) {}

HealthService::~HealthService() = default;

void HealthService::set_serving(bool serving) {
  const std::lock_guard<std::mutex> lock(mutex_);
  serving_ = serving;
  for (const auto& watcher : watchers_) watcher->tell(status());
}

void HealthService::end_watches(const grpc::Status& status) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& watcher : watchers_) watcher->end(status);
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const health::HealthCheckRequest* request,
                                               HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (services_.count(request->service()) == 0) {
    reactor->Finish({grpc::StatusCode::NOT_FOUND, "no service named " + in_quotes(request->service())});
    return reactor;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    response->set_status(status());
  }
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* HealthService::List(grpc::CallbackServerContext* context,
                                              const health::HealthListRequest* /*request*/,
                                              health::HealthListResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const std::string& service : services_) (*response->mutable_statuses())[service].set_status(status());
  }
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(grpc::CallbackServerContext* /*context*/,
                                                                    const health::HealthCheckRequest* request) {
  auto watcher = std::make_shared<Watcher>(*this, services_.count(request->service()) != 0);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (watchers_.size() >= kMaxWatchers) {
    watcher->end({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many watches"});
  } else {
    watcher->tell(status());
  }
  watchers_.insert(watcher);  // until it is done
  return watcher.get();
}

Status HealthService::status() const {
  return serving_ ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

}  // namespace learn_rt::serve
