#include "repository.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "status.h"

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
  const std::lock_guard<std::mutex> lock(mutex_);
  Versions& versions = models_[host->name()];
  if (!versions.hosts.emplace(host->version(), host).second) {
    throw std::runtime_error(host->name() + "/" + std::to_string(host->version()) + " is served twice");
  }
  versions.stable = versions.hosts.rbegin()->first;
}

void Repository::serve(const std::string& name, Hosts hosts, std::int64_t stable) {
  Versions before;  // freed after the lock is given back
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [version, host] : hosts) notes_.erase({name, version});
  Versions& versions = models_[name];
  before = std::move(versions);
  versions = {std::move(hosts), stable};
  leaving_.erase(std::remove_if(leaving_.begin(), leaving_.end(), [](const auto& host) { return host.expired(); }),
                 leaving_.end());
  for (const auto& [version, host] : before.hosts) {
    const auto kept = versions.hosts.find(version);
    if (kept == versions.hosts.end() || kept->second != host) leaving_.push_back(host);
  }
  if (versions.hosts.empty()) models_.erase(name);
}

void Repository::note(const std::string& name, std::int64_t version, VersionState state, const std::string& reason) {
  const std::lock_guard<std::mutex> lock(mutex_);
  notes_[{name, version}] = {state, reason};
}

void Repository::note_new(const std::string& name, std::int64_t version) {
  const std::lock_guard<std::mutex> lock(mutex_);
  notes_.try_emplace({name, version}, Note{VersionState::kUnavailable, "not loaded"});
}

void Repository::forget(const std::string& name, const std::vector<std::int64_t>& present) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto note = notes_.lower_bound({name, 0}); note != notes_.end() && note->first.first == name;) {
    const bool stays = std::find(present.begin(), present.end(), note->first.second) != present.end();
    note = stays ? std::next(note) : notes_.erase(note);
  }
}

grpc::Status Repository::find(const std::string& name, const std::string& version,
                              std::shared_ptr<ModelHost>* host) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto model = models_.find(name);
  if (model == models_.end()) {
    return not_found("no model named " + in_quotes(name) +
                     "; served: " + listed(models_, [](const auto& n) { return n; }));
  }
  const Hosts& hosts = model->second.hosts;
  if (version.empty() || version == "stable") {
    *host = hosts.at(model->second.stable);
    return grpc::Status::OK;
  }
  for (const auto& entry : hosts) {
    if (std::to_string(entry.first) == version) {
      *host = entry.second;
      return grpc::Status::OK;
    }
  }
  return not_found("model " + in_quotes(name) + " has no version " + in_quotes(version) +
                   "; served: " + listed(hosts, [](std::int64_t n) { return std::to_string(n); }) + " (also 'stable')");
}

Repository::Hosts Repository::served(const std::string& name, std::int64_t* stable) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto model = models_.find(name);
  if (model == models_.end()) return {};
  *stable = model->second.stable;
  return model->second.hosts;
}

std::vector<std::shared_ptr<ModelHost>> Repository::hosts() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<std::shared_ptr<ModelHost>> all;
  for (const auto& [name, versions] : models_) {
    for (const auto& [version, host] : versions.hosts) all.push_back(host);
  }
  return all;
}

std::vector<std::shared_ptr<ModelHost>> Repository::running() const {
  std::vector<std::shared_ptr<ModelHost>> all = hosts();
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& weak : leaving_) {
    if (auto host = weak.lock()) all.push_back(std::move(host));
  }
  return all;
}

std::vector<IndexRow> Repository::index() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<IndexRow> rows;
  for (const auto& [name, versions] : models_) {
    for (const auto& [version, host] : versions.hosts) rows.push_back({name, version, VersionState::kReady, ""});
  }
  for (const auto& [key, note] : notes_) {
    const auto model = models_.find(key.first);
    const bool ready = model != models_.end() && model->second.hosts.count(key.second) != 0;
    if (!ready) rows.push_back({key.first, key.second, note.state, note.reason});
  }
  std::sort(rows.begin(), rows.end(), [](const IndexRow& a, const IndexRow& b) {
    return std::tie(a.name, a.version) < std::tie(b.name, b.version);
  });
  return rows;
}

}  // namespace learn_rt::serve
