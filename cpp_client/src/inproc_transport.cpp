#include "inproc_transport.h"

#include <charconv>
#include <optional>
#include <stdexcept>

#include "learn_rt/doorbell.h"

namespace learn_rt::client {
namespace {

namespace fs = std::filesystem;

std::optional<std::int64_t> as_version(const std::string& name) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || number < 1) return std::nullopt;
  return number;
}

}  // namespace

fs::path version_folder(const fs::path& repository, const std::string& model, const std::string& version) {
  if (model.empty() || model.find_first_of("/\\") != std::string::npos || model[0] == '.')
    throw std::runtime_error("a model's name must be a folder's in the repository, got '" + model + "'");
  const fs::path folder = repository / model;
  if (!fs::is_directory(folder)) throw std::runtime_error("no such model folder: " + folder.string());
  if (!version.empty() && version != "stable") {
    if (!as_version(version) || !fs::is_directory(folder / version))
      throw std::runtime_error("version must be a number with a folder in " + folder.string() + ", or stable, got '" +
                               version + "'");
    return folder / version;
  }
  std::optional<std::int64_t> newest;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto number = entry.is_directory() ? as_version(entry.path().filename().string()) : std::nullopt;
    if (number && (!newest || *number > *newest)) newest = number;
  }
  if (!newest) throw std::runtime_error("no version in " + folder.string());
  return folder / std::to_string(*newest);
}

Spec InprocTransport::describe(const std::string& model, const std::string& version, std::chrono::milliseconds) {
  const fs::path folder = version_folder(repository_, model, version);
  model_ = Model::load(folder);
  version_ = *as_version(folder.filename().string());
  return model_->spec();
}

void InprocTransport::open(const Opening& opening, Receiver& receiver) {
  receiver_ = &receiver;
  if (!model_) describe(opening.model, opening.version, {});
  if (model_->spec().contract_hash != opening.contract_hash)
    throw std::runtime_error("FAILED_PRECONDITION: contract " + model_->spec().contract_hash + " in " +
                             repository_.string() + ", the stream's is " + opening.contract_hash);
  session_ = model_->open();
  session_->begin(opening.rest.empty() ? nullptr : opening.rest.data());
  receiver.opened(version_);
}

void InprocTransport::send(const Chunk& chunk) {
  const auto start_ns = now_ns();
  const std::size_t n_outputs = session_->n_outputs();
  answers_.resize(chunk.n * n_outputs);
  flags_.resize(chunk.n);
  session_->run(chunk.samples, chunk.n, answers_.data(), flags_.data());
  receiver_->answered({chunk.sequence, chunk.stamp_ns, answers_.data(), answers_.size(), flags_.data(), flags_.size(),
                       now_ns() - start_ns, version_});
  if (session_) session_->settle();
}

}  // namespace learn_rt::client
