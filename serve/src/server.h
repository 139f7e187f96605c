#pragma once

#include <grpcpp/server.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "address.h"
#include "gate.h"
#include "health_service.h"
#include "inference_service.h"
#include "predictor_service.h"
#include "reflection_service.h"
#include "repository.h"
#include "security.h"
#include "sequences.h"
#include "shm_frontend.h"
#include "spin_frontend.h"
#include "version_loader.h"

namespace learn_rt::serve {

struct ServerOptions {
  std::vector<std::string> listen;  // see ListenAddress
  std::vector<std::string> spin;    // addresses of their own that one thread polls, see SpinFrontend
  int spin_cpu = -1;                // where that thread runs; -1: anywhere
  StreamLimits streams;
  std::size_t max_buffers = 0;      // bytes of messages under way, over all connections; 0: a quarter of the memory
  std::size_t rollout_threads = 1;  // that share the candidates of each rollout
  std::size_t max_sequences = 256;  // of ModelInfer, at the same time
  std::chrono::milliseconds sequence_idle{60'000};
  std::string version;  // of this software, told by ServerMetadata
  LoaderOptions loader;
  SecurityOptions security;
  std::string record;      // a folder: streams of samples are recorded (docs/recording.md); empty: they are not
  double record_s = 60.0;  // that are kept of each
};

// The server: every service on every gRPC address to listen on, and streams of samples in shared memory and on
// addresses that a thread polls. It is ready when the constructor returns.
class Server {
 public:
  // Throws std::invalid_argument (an address is not one) or std::runtime_error (which address cannot be listened on,
  // or which file cannot be used, and why).
  Server(std::shared_ptr<Repository> repository, const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where it listens, with the ports that were taken.
  const std::vector<std::string>& addresses() const noexcept { return bound_; }
  const std::vector<std::string>& spin_addresses() const noexcept { return bound_spin_; }
  const Repository& repository() const noexcept { return *repository_; }
  // Writes a recording of each stream; returns the files. Throws std::runtime_error: none is recorded, or which file
  // cannot be written, and why.
  std::vector<std::string> dump(const std::string& reason);
  // Null: nothing is recorded.
  const record::Recorder* recorder() const noexcept { return repository_->recorder().get(); }
  std::size_t open_streams() const { return gate_.inside(); }
  Gate& gate() noexcept { return gate_; }
  const Gate& gate() const noexcept { return gate_; }

  // Not ready; then streams have `drain` to end by themselves; then the others end with UNAVAILABLE, and the sockets
  // go. Once; later calls do nothing.
  void stop(std::chrono::milliseconds drain);

 private:
  void serve_grpc(const std::vector<ListenAddress>& addresses, const Security& security, std::size_t max_buffers);

  std::shared_ptr<Repository> repository_;
  Gate gate_;
  VersionLoader loader_;
  Sequences sequences_;
  PredictorService predictor_;
  InferenceService inference_;
  HealthService health_;
  ReflectionV1 reflection_;
  ReflectionV1Alpha reflection_alpha_;
  std::vector<ListenAddress> addresses_;
  std::vector<std::string> bound_, bound_spin_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<SpinFrontend> spin_;  // null: none asked for
  std::vector<std::unique_ptr<ShmFrontend>> segments_;
};

}  // namespace learn_rt::serve
