#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "arm.h"

namespace learn_rt::bench {

// The least that gRPC can do: Predictor's messages on its callback API, answered with zeros, without a model, a session
// or a check. `settle`: how long its thread works on once an answer is written, as a model that settles does.
class EchoServer {
 public:
  // `address`: unix:PATH or HOST:PORT (0: any). Throws std::runtime_error when it cannot listen.
  EchoServer(const std::string& address, std::size_t n_outputs, std::chrono::nanoseconds settle);
  ~EchoServer();
  // Where it listens, as a gRPC target.
  const std::string& target() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The client that one would write for it: a blocking stream, one write and one read a sample.
class EchoArm final : public Arm {
 public:
  // Throws std::runtime_error when nobody answers there.
  EchoArm(const std::string& target, std::size_t n_features, std::size_t n_outputs);
  ~EchoArm() override;

  // Throws std::runtime_error when the stream ends.
  std::uint32_t answer(const float* sample, float* values) override;
  Stages stages(std::int64_t call_ns) const noexcept override;
  std::size_t n_features() const noexcept override { return n_features_; }
  std::size_t n_outputs() const noexcept override { return n_outputs_; }
  const std::string& what() const noexcept override { return target_; }

 private:
  struct Call;
  std::string target_;
  std::size_t n_features_, n_outputs_;
  std::unique_ptr<Call> call_;
};

}  // namespace learn_rt::bench
