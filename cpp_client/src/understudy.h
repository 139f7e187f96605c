#pragma once

#include <memory>

#include "learn_rt/client_options.h"
#include "learn_rt/spec.h"
#include "transport.h"

namespace learn_rt::client {

// A transport for Client::rehearse(): it answers zeros itself, in poll(), the way a direct transport to a server does.
class Understudy final : public Transport {
 public:
  explicit Understudy(const Spec& spec) : answer_(spec.n_outputs()) {}

  Spec describe(const std::string&, const std::string&, std::chrono::milliseconds) override { return {}; }
  void open(const Opening&, Receiver& receiver) override;
  std::size_t room() noexcept override { return kAnyNumber; }
  void send(const Chunk& chunk) override;
  bool poll() override;
  void close() noexcept override {}
  bool direct() const noexcept override { return true; }
  // The options of the client that it is given to: that of the stream, but for what reaches beyond the client.
  static ClientOptions options(const ClientOptions& of_stream);

 private:
  Receiver* receiver_ = nullptr;
  bool asked_ = false;
  std::uint64_t sequence_ = 0;
  std::int64_t stamp_ns_ = 0;
  const std::vector<float> answer_;
  const std::uint32_t flags_ = 0;
};

}  // namespace learn_rt::client
