#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "learn_rt/model.h"
#include "transport.h"

namespace learn_rt::client {

// The folder of a version number, or of "stable": the highest there is. Labels belong to a server. Throws
// std::runtime_error.
std::filesystem::path version_folder(const std::filesystem::path& repository, const std::string& model,
                                     const std::string& version);

// A session in this process, run by the I/O thread: no server, no wire.
class InprocTransport final : public Transport {
 public:
  explicit InprocTransport(std::filesystem::path repository) : repository_(std::move(repository)) {}

  Spec describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) override;
  void open(const Opening& opening, Receiver& receiver) override;
  std::size_t room() noexcept override { return session_ ? kAnyNumber : 0; }
  void send(const Chunk& chunk) override;
  void close() noexcept override { session_.reset(); }

 private:
  const std::filesystem::path repository_;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Session> session_;
  std::int64_t version_ = 0;
  Receiver* receiver_ = nullptr;
  std::vector<float> answers_;
  std::vector<std::uint32_t> flags_;
};

}  // namespace learn_rt::client
