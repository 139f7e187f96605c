#include "inproc_transport.h"

#include <stdexcept>
#include <vector>

#include "learn_rt/doorbell.h"
#include "learn_rt/repository_folders.h"

namespace learn_rt::client {

namespace fs = std::filesystem;

fs::path version_folder(const fs::path& repository, const std::string& model, const std::string& version) {
  if (!can_be_model(model))
    throw std::runtime_error("a model's name must be a folder's in the repository, got '" + model + "'");
  const fs::path folder = repository / model;
  if (!fs::is_directory(folder)) throw std::runtime_error("no such model folder: " + folder.string());
  const std::vector<std::int64_t> versions = version_folders(folder);
  if (version.empty() || version == "stable") {
    if (versions.empty()) throw std::runtime_error("no version in " + folder.string());
    return folder / std::to_string(versions.back());
  }
  for (const std::int64_t each : versions) {
    if (std::to_string(each) == version) return folder / version;
  }
  throw std::runtime_error("version must be a number with a folder in " + folder.string() + ", or stable, got '" +
                           version + "'");
}

Spec InprocTransport::describe(const std::string& model, const std::string& version, std::chrono::milliseconds) {
  const fs::path folder = version_folder(repository_, model, version);
  model_ = Model::load(folder);
  version_ = std::stoll(folder.filename().string());
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
