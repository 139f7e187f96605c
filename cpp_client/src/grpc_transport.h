#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "transport.h"

namespace learn_rt::client {

class GrpcStream;

// A channel of its own for each stream: nothing of a broken one is waited for. A message above `max_message` bytes is
// an error.
std::shared_ptr<grpc::Channel> make_channel(const std::string& target, int max_message = 4 << 20);

// learn_rt.v1.Predictor over gRPC: `target` is unix:PATH or HOST:PORT.
class GrpcTransport final : public Transport {
 public:
  GrpcTransport(std::string target, bool spin);
  ~GrpcTransport() override;

  Spec describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) override;
  void open(const Opening& opening, Receiver& receiver) override;
  std::size_t room() noexcept override;
  void send(const Chunk& chunk) override;
  void poll() override;
  void close() noexcept override;

 private:
  const std::string target_;
  const bool spin_;
  std::unique_ptr<GrpcStream> stream_;
};

}  // namespace learn_rt::client
