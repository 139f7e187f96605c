#pragma once

#include <memory>
#include <string>

#include "endpoint.h"
#include "transport.h"

namespace learn_rt::client {

class GrpcStream;

// learn_rt.v1.Predictor over gRPC.
class GrpcTransport final : public Transport {
 public:
  GrpcTransport(Endpoint endpoint, bool spin);
  ~GrpcTransport() override;

  Spec describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) override;
  void open(const Opening& opening, Receiver& receiver) override;
  std::size_t room() noexcept override;
  void send(const Chunk& chunk) override;
  bool poll() override;
  void close() noexcept override;
  bool carries_states() const noexcept override { return true; }

 private:
  const Endpoint endpoint_;
  const bool spin_;
  std::unique_ptr<GrpcStream> stream_;
};

}  // namespace learn_rt::client
