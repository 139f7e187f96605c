#include "grpc_listen.h"

#include <grpc/support/time.h>
#include <grpcpp/resource_quota.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "grpc_log.h"

namespace learn_rt::serve {
namespace {

constexpr int kMaxMessage = 16 << 20;  // bytes: 1,024 windows of 100 samples of 40 features
// Per connection, in HTTP/2. A client that passes it waits without a word, so it is far above max_streams, which
// answers.
constexpr int kMaxCalls = 4096;
constexpr std::size_t kMostBuffers = std::size_t{1} << 30;  // bytes
constexpr std::int64_t kLastWritesMs = 500;

// Unix sockets are made with the mode that the umask leaves: for the owner only.
class OwnerOnly {
 public:
  OwnerOnly() : before_(::umask(0177)) {}
  ~OwnerOnly() { ::umask(before_); }
  OwnerOnly(const OwnerOnly&) = delete;
  OwnerOnly& operator=(const OwnerOnly&) = delete;

 private:
  mode_t before_;
};

std::size_t quarter_of_memory() {
  const auto pages = static_cast<std::size_t>(::sysconf(_SC_PHYS_PAGES));
  return std::min(pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 4, kMostBuffers);
}

void add_limits(grpc::ServerBuilder& builder, std::size_t buffers) {
  builder.SetMaxReceiveMessageSize(kMaxMessage);
  // Beyond it gRPC cancels calls, anybody's: better than the machine's memory being gone.
  builder.SetResourceQuota(grpc::ResourceQuota("learn-serve").Resize(buffers != 0 ? buffers : quarter_of_memory()));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxCalls);
  // A second server on the same port would share its connections without a word.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A peer that connects and says nothing.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  // Controllers ping often to notice a dead server fast: never a reason to hang up.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 100);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  // And we notice a machine that vanished, so that its sessions are freed.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
}

}  // namespace

std::unique_ptr<grpc::Server> listen(grpc::ServerBuilder& builder, const std::vector<ListenAddress>& addresses,
                                     const Security& security, std::size_t max_buffers,
                                     std::vector<std::string>* bound) {
  for (const ListenAddress& address : addresses) {
    if (address.is_unix()) clear_stale_socket(address);
  }
  add_limits(builder, max_buffers);
  std::vector<int> ports(addresses.size(), 0);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (addresses[i].is_shm()) continue;
    builder.AddListeningPort(addresses[i].grpc_target(), security.credentials(addresses[i]), &ports[i]);
  }
  std::unique_ptr<grpc::Server> server;
  {
    const OwnerOnly mode;
    const QuietGrpc quiet;
    server = builder.BuildAndStart();
  }
  if (!server) {
    for (const ListenAddress& address : addresses) {
      const std::string cause = address.is_shm() ? "" : why_not(address);
      if (!cause.empty()) throw std::runtime_error("cannot listen on " + address.text + ": " + cause);
    }
    throw std::runtime_error("cannot listen on " + addresses[0].text);
  }
  for (std::size_t i = 0; i < addresses.size(); ++i) bound->push_back(addresses[i].bound(ports[i]));
  return server;
}

void shut_down(grpc::Server& server) {
  const gpr_timespec patience = gpr_time_from_millis(kLastWritesMs, GPR_TIMESPAN);
  server.Shutdown(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), patience));
}

}  // namespace learn_rt::serve
