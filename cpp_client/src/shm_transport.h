#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "learn_rt/client.h"
#include "shm_seat.h"
#include "transport.h"

namespace learn_rt::client {

// learn_rt.v1.Predictor over shared memory: the control thread itself carries samples and answers.
class ShmTransport final : public Transport {
 public:
  ShmTransport(std::string name, Wait wait);

  Spec describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) override;
  void adopt(const Spec& spec) override;
  void open(const Opening& opening, Receiver& receiver) override;
  std::size_t room() noexcept override;
  void send(const Chunk& chunk) override;
  bool poll() override;
  void close() noexcept override { stream_.reset(); }

  bool direct() const noexcept override { return true; }
  void wait(std::int64_t until_ns) noexcept override;
  void interrupt() noexcept override;
  void rehearse() noexcept override;
  std::int64_t polls_ns() const noexcept override;
  std::string gone() const override;

 private:
  // From open() to close().
  struct Stream {
    Stream(const std::string& name, std::size_t n_features, std::size_t n_outputs);

    ShmSeat seat;
    shm::SampleProducer samples;
    shm::AnswerConsumer answers;
    std::vector<std::uint32_t> chunks;  // samples of each chunk under way: a ring
    std::uint64_t first_chunk = 0, end_chunk = 0;
    std::size_t under_way = 0;  // samples sent whose answers were not taken
    // The answers of the oldest chunk, as far as they came.
    std::size_t collected = 0;
    std::uint64_t sequence = 0;
    std::int64_t stamp_ns = 0, compute_ns = 0;
    std::vector<float> predictions;
    std::vector<std::uint32_t> flags;
    std::vector<std::int64_t> versions;
    bool open = false;
    std::atomic<bool> broken{false}, interrupted{false};
  };

  void finish_opening();
  void take();

  const std::string name_;
  const shm::Wait wait_;
  std::size_t n_features_ = 0, n_outputs_ = 0;
  std::unique_ptr<Stream> stream_;
  Receiver* receiver_ = nullptr;
};

}  // namespace learn_rt::client
