#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

#include "address.h"
#include "security.h"

namespace learn_rt::serve {

// Starts a gRPC server of what is registered with `builder` on each address that is not shared memory, within the
// limits that every one of ours has. `bound`: the addresses with the ports that were taken. Throws std::runtime_error:
// which address cannot be listened on, and why. `max_buffers`: see ServerOptions.
std::unique_ptr<grpc::Server> listen(grpc::ServerBuilder& builder, const std::vector<ListenAddress>& addresses,
                                     const Security& security, std::size_t max_buffers,
                                     std::vector<std::string>* bound);

// Calls that still end have a moment; then they are cancelled.
void shut_down(grpc::Server& server);

}  // namespace learn_rt::serve
