#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "transport.h"

namespace learn_rt::client {

// Several ways to reach the same model, one at a time: when a stream is lost, the next in order is tried.
class FailoverTransport final : public Transport {
 public:
  struct Way {
    std::string address;
    std::unique_ptr<Transport> transport;
  };
  // At least one.
  explicit FailoverTransport(std::vector<Way> ways);

  Spec describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) override;
  void adopt(const Spec& spec) override { spec_ = spec; }
  void open(const Opening& opening, Receiver& receiver) override;
  std::size_t room() noexcept override { return now().room(); }
  void send(const Chunk& chunk) override { now().send(chunk); }
  bool poll() override { return now().poll(); }
  void close() noexcept override { now().close(); }
  bool carries_states() const noexcept override { return now().carries_states(); }
  bool direct() const noexcept override { return now().direct(); }
  void wait(std::int64_t until_ns) noexcept override { now().wait(until_ns); }
  void interrupt() noexcept override { now().interrupt(); }
  void rehearse() noexcept override { now().rehearse(); }
  std::int64_t polls_ns() const noexcept override { return now().polls_ns(); }
  std::string gone() const override { return now().gone(); }
  bool move_on(bool served) noexcept override;
  std::string endpoint() const override { return ways_[current_.load(std::memory_order_acquire)].address; }

 private:
  Transport& now() const noexcept { return *ways_[current_.load(std::memory_order_relaxed)].transport; }

  const std::vector<Way> ways_;
  std::atomic<std::size_t> current_{0};  // changes only while there is no stream
  std::size_t tried_ = 0;                // in a row, since one served
  std::optional<Spec> spec_;
  std::vector<bool> knows_spec_;
};

}  // namespace learn_rt::client
