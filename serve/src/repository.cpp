#include "repository.h"

#include <stdexcept>

namespace learn_rt::serve {
namespace {

grpc::Status not_found(const std::string& cause) { return {grpc::StatusCode::NOT_FOUND, cause}; }

// Keys of a map, for an error message.
template <class Map, class Text>
std::string listed(const Map& map, Text text) {
  std::string line;
  for (const auto& entry : map) line += (line.empty() ? "" : ", ") + text(entry.first);
  return line.empty() ? "none" : line;
}

}  // namespace

std::shared_ptr<Repository> Repository::load(const std::vector<ModelSource>& sources, const std::string& backend) {
  auto repository = std::make_shared<Repository>();
  for (const ModelSource& source : sources) {
    std::shared_ptr<const Model> model;
    try {
      model = Model::load(source.folder, backend);
    } catch (const std::exception& error) {
      // The runtime's message may name the folder itself.
      const std::string cause = error.what(), folder = source.folder.string();
      throw std::runtime_error(cause.find(folder) == std::string::npos ? folder + ": " + cause : cause);
    }
    repository->add(std::make_shared<ModelHost>(source.name, source.version, std::move(model)));
  }
  return repository;
}

void Repository::add(std::shared_ptr<ModelHost> host) {
  const std::string name = host->name() + "/" + std::to_string(host->version());
  if (!models_[host->name()].emplace(host->version(), host).second) {
    throw std::runtime_error(name + " is served twice");
  }
}

grpc::Status Repository::find(const std::string& name, const std::string& version,
                              std::shared_ptr<ModelHost>* host) const {
  const auto versions = models_.find(name);
  if (versions == models_.end()) {
    return not_found("no model named '" + name + "'; served: " + listed(models_, [](const auto& n) { return n; }));
  }
  if (version.empty() || version == "stable") {
    *host = versions->second.rbegin()->second;
    return grpc::Status::OK;
  }
  for (const auto& entry : versions->second) {
    if (std::to_string(entry.first) == version) {
      *host = entry.second;
      return grpc::Status::OK;
    }
  }
  return not_found("model '" + name + "' has no version '" + version + "'; served: " +
                   listed(versions->second, [](std::int64_t n) { return std::to_string(n); }) + " (also 'stable')");
}

std::vector<std::shared_ptr<ModelHost>> Repository::hosts() const {
  std::vector<std::shared_ptr<ModelHost>> all;
  for (const auto& [name, versions] : models_) {
    for (const auto& [version, host] : versions) all.push_back(host);
  }
  return all;
}

}  // namespace learn_rt::serve
