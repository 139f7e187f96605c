#pragma once

#include <memory>
#include <string>
#include <vector>

#include "endpoint.h"
#include "h2_call.h"
#include "transport.h"

namespace learn_rt::client {

// learn_rt.v1.Predictor over gRPC without TLS, on a socket of our own: the control thread itself sends samples and
// takes answers. Made to spin, the I/O thread does.
class H2Transport final : public Transport, private H2Call::Sink {
 public:
  H2Transport(Endpoint endpoint, bool spin);

  Spec describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) override;
  void adopt(const Spec& spec) override;
  void open(const Opening& opening, Receiver& receiver) override;
  std::size_t room() noexcept override;
  void send(const Chunk& chunk) override;
  bool poll() override { return !call_ || call_->step(); }
  void close() noexcept override { call_.reset(); }

  bool carries_states() const noexcept override { return true; }
  bool direct() const noexcept override { return !spin_; }
  void wait(std::int64_t until_ns) noexcept override { call_->wait(until_ns); }
  void interrupt() noexcept override;
  std::string gone() const override { return call_ ? call_->cause() : ""; }
  std::int64_t polls_ns() const noexcept override { return 0; }

 private:
  void received(const char* message, std::size_t size) noexcept override;

  const Endpoint endpoint_;
  const bool spin_;
  std::size_t n_features_ = 0, n_outputs_ = 0;
  std::size_t state_bytes_ = 0;
  std::unique_ptr<H2Call> call_;
  Receiver* receiver_ = nullptr;
  bool opened_ = false;
  std::int64_t version_ = 0;  // that answers from here on
  std::vector<float> predictions_;
  std::vector<std::uint32_t> flags_;
};

}  // namespace learn_rt::client
