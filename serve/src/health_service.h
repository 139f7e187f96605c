#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "grpc/health/v1/health.grpc.pb.h"

namespace learn_rt::serve {

namespace health = grpc::health::v1;

// grpc.health.v1 as callbacks, List included (gRPC's own service has no List). Every service has the server's state.
// Any thread.
class HealthService final : public health::Health::CallbackService {
 public:
  // `services`: full names; "" is added, the whole server.
  explicit HealthService(const std::vector<std::string>& services);
  ~HealthService() override;

  // Tells every watcher when it changes.
  void set_serving(bool serving);
  // Ends every watch, once what it was last told is out.
  void end_watches(const grpc::Status& status);

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context, const health::HealthCheckRequest* request,
                                  health::HealthCheckResponse* response) override;
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context, const health::HealthListRequest* request,
                                 health::HealthListResponse* response) override;
  grpc::ServerWriteReactor<health::HealthCheckResponse>* Watch(grpc::CallbackServerContext* context,
                                                               const health::HealthCheckRequest* request) override;

 private:
  class Watcher;
  static constexpr std::size_t kMaxWatchers = 4096;

  health::HealthCheckResponse::ServingStatus status() const;  // mutex_ held

  const std::set<std::string> services_;
  mutable std::mutex mutex_;
  bool serving_ = false;
  std::set<std::shared_ptr<Watcher>> watchers_;
};

}  // namespace learn_rt::serve
