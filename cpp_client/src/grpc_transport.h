#pragma once

#include <memory>
#include <string>

#include "transport.h"

namespace learn_rt::client {

class GrpcStream;

// learn_rt.v1.Predictor over gRPC: `target` is unix:PATH or HOST:PORT.
class GrpcTransport final : public Transport {
 public:
  GrpcTransport(std::string target, bool spin);
  ~GrpcTransport() override;

  Spec describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) override;
  void open(const Opening& opening, Receiver& receiver) override;
  bool can_send() const noexcept override;
  void send(const Chunk& chunk) override;
  void poll() override;
  void close() noexcept override;

 private:
  const std::string target_;
  const bool spin_;
  std::unique_ptr<GrpcStream> stream_;
};

}  // namespace learn_rt::client
