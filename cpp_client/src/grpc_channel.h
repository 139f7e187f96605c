#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <string>

#include "endpoint.h"

namespace learn_rt::client {

// A connection of its own for each stream, so that nothing of a broken one is waited for, and what its calls carry.
class GrpcChannel {
 public:
  // Reads the endpoint's files. A message above `max_message` bytes is an error. Throws std::runtime_error: a file that
  // cannot be read, or a token that no header can hold.
  explicit GrpcChannel(const Endpoint& endpoint, int max_message = 4 << 20);

  const std::shared_ptr<grpc::Channel>& channel() const noexcept { return channel_; }
  // Adds the token to a call.
  void sign(grpc::ClientContext& context) const;

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::string authorization_;
};

}  // namespace learn_rt::client
