#include "version_loader.h"

#include <pthread.h>

#include <algorithm>
#include <exception>

#include "learn_rt/repository_folders.h"
#include "privileges.h"
#include "status.h"

namespace learn_rt::serve {
namespace {

constexpr std::size_t kMaxJobs = 64;                  // that wait
constexpr std::chrono::milliseconds kTendEvery{20};   // while streams follow
constexpr std::chrono::milliseconds kLookEvery{200};  // whether one does

std::string label(const std::string& name, std::int64_t version) { return name + "/" + std::to_string(version); }

}  // namespace

VersionLoader::VersionLoader(std::shared_ptr<Repository> repository, Journal& journal, LoaderOptions options)
    : repository_(std::move(repository)), journal_(journal), options_(std::move(options)) {
  for (const std::string& text : options_.wanted) {
    const std::size_t slash = text.find('/');
    VersionPolicy& policy = policies_[text.substr(0, slash)];
    if (slash == std::string::npos) continue;
    policy.kind = VersionPolicy::kSpecific;
    policy.specific.push_back(std::stoll(text.substr(slash + 1)));
    std::sort(policy.specific.begin(), policy.specific.end());
  }
  for (const auto& host : repository_->hosts())
    loaded_[{host->name(), host->version()}] = fingerprint(folder_of(host->name(), host->version()));
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "learn-versions");
}

VersionLoader::~VersionLoader() { stop(); }

void VersionLoader::stop() {
  std::deque<Job> left;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    left.swap(jobs_);
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  for (const Job& job : left) job.done(shutting_down());
}

void VersionLoader::load(const std::string& name, const VersionPolicy& policy, Done done) {
  post({[this, name, policy] { return load_now(name, policy, true); }, std::move(done)});
}

void VersionLoader::unload(const std::string& name, Done done) {
  post({[this, name] { return unload_now(name); }, std::move(done)});
}

void VersionLoader::post(Job job) {
  grpc::Status refused;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stop_) {
      refused = shutting_down();
    } else if (jobs_.size() >= kMaxJobs) {
      refused = {grpc::StatusCode::UNAVAILABLE, "too many loads wait for each other: try again"};
    } else {
      jobs_.push_back(std::move(job));
    }
  }
  refused.ok() ? wake_.notify_all() : job.done(refused);
}

void VersionLoader::run() {
  auto next_look = Clock::now();
  for (const std::string& name : model_folders(options_.folder)) survey(name);
  for (;;) {
    Job job;
    {
      const auto called = [this] { return stop_ || !jobs_.empty(); };
      std::unique_lock<std::mutex> lock(mutex_);
      const auto tick = Clock::now() + (repository_->followers().any() ? kTendEvery : kLookEvery);
      wake_.wait_until(lock, options_.watch.count() > 0 ? std::min(tick, next_look) : tick, called);
      if (stop_) return;
      if (!jobs_.empty()) {
        job = std::move(jobs_.front());
        jobs_.pop_front();
      }
    }
    yield_to_others();
    if (job.work) job.done(job.work());
    if (options_.watch.count() > 0 && Clock::now() >= next_look) {
      look_around();
      next_look = Clock::now() + options_.watch;
    }
    repository_->followers().tend(*repository_, journal_);
  }
}

void VersionLoader::look_around() {
  for (const std::string& name : model_folders(options_.folder)) {
    if (is_wanted(name)) look_at(name);
  }
}

// Loads what is wanted of a model when its files have stood still since the last look.
void VersionLoader::look_at(const std::string& name) {
  const VersionPolicy& policy = policy_of(name);
  const std::vector<std::int64_t> present = survey(name);
  std::vector<std::int64_t> wanted;
  if (!policy.choose(name, not_refused(name, present), &wanted).ok() || wanted.empty()) return;
  std::string now;
  bool news = false;
  for (const std::int64_t version : wanted) {
    const std::string print = fingerprint(folder_of(name, version));
    const auto loaded = loaded_.find({name, version});
    news = news || loaded == loaded_.end() || loaded->second != print;
    now += label(name, version) + "\n" + print;
  }
  std::int64_t stable = 0;
  const auto served = repository_->served(name, &stable);
  for (const std::int64_t version : wanted) news = news || served.count(version) == 0;
  // The stable version was made a bad one where it lies: what was served serves on.
  if (wanted.back() < stable && std::binary_search(present.begin(), present.end(), stable)) return;
  if (!news && stable == wanted.back()) return;
  if (std::exchange(seen_[name], now) != now) return;
  load_now(name, policy, false);
}

grpc::Status VersionLoader::load_now(const std::string& name, const VersionPolicy& policy, bool asked) {
  if (!has_folder()) {
    return {grpc::StatusCode::UNIMPLEMENTED, "this server was started without a repository's folder"};
  }
  std::vector<std::int64_t> present = can_be_model(name) ? survey(name) : std::vector<std::int64_t>();
  if (present.empty()) {
    return {grpc::StatusCode::NOT_FOUND, "the repository holds no model " + in_quotes(name)};
  }
  if (!asked) present = not_refused(name, present);
  std::vector<std::int64_t> wanted;
  if (const grpc::Status chosen = policy.choose(name, present, &wanted); !chosen.ok()) return chosen;
  std::int64_t before = 0;
  const Repository::Hosts served = repository_->served(name, &before);
  Repository::Hosts next;
  for (const std::int64_t version : wanted) {
    const auto host = served.find(version);
    if (host != served.end() && loaded_[{name, version}] == fingerprint(folder_of(name, version))) {
      next[version] = host->second;
      continue;
    }
    if (const grpc::Status loaded = load_version(name, version, asked, &next[version]); !loaded.ok()) return loaded;
  }
  if (before != 0) next.emplace(before, served.at(before));
  if (asked) policies_[name] = policy;
  repository_->serve(name, std::move(next), wanted.back());
  survey(name);
  return grpc::Status::OK;
}

grpc::Status VersionLoader::load_version(const std::string& name, std::int64_t version, bool asked,
                                         std::shared_ptr<ModelHost>* host) {
  const std::filesystem::path folder = folder_of(name, version);
  const std::string print = fingerprint(folder);
  std::int64_t stable = 0;
  const auto served = repository_->served(name, &stable);
  std::string cause;
  try {
    repository_->note(name, version, VersionState::kLoading, "");
    std::shared_ptr<const Model> model = Model::load(folder, options_.backend);
    *host = std::make_shared<ModelHost>(name, version, std::move(model));
    if (!asked && stable != 0 && (*host)->spec().contract_hash != served.at(stable)->spec().contract_hash) {
      cause = "it has another contract than " + label(name, stable) +
              ", and clients of that one could not come back: serve it under another name, or load it by a call";
    }
  } catch (const std::exception& error) {
    cause = error.what();
  }
  if (cause.empty()) {
    refused_.erase({name, version});
    loaded_[{name, version}] = print;
    journal_.loaded(**host);
    return grpc::Status::OK;
  }
  refused_[{name, version}] = print;
  repository_->note(name, version, VersionState::kUnavailable, cause);
  journal_.version_refused(name, version, cause);
  return invalid(label(name, version) + " is refused: " + cause +
                 (stable == 0 ? "" : "; " + label(name, stable) + " serves on"));
}

grpc::Status VersionLoader::unload_now(const std::string& name) {
  std::int64_t stable = 0;
  const Repository::Hosts served = repository_->served(name, &stable);
  if (served.empty()) {
    return {grpc::StatusCode::NOT_FOUND, "no model named " + in_quotes(name) + " is served"};
  }
  policies_[name].kind = VersionPolicy::kNone;
  repository_->serve(name, {}, 0);
  for (const auto& [version, host] : served) {
    loaded_.erase({name, version});
    repository_->note(name, version, VersionState::kUnavailable, "unloaded");
    journal_.unloaded(*host);
  }
  return grpc::Status::OK;
}

// The versions that the folder holds; those that nothing is known of are noted.
std::vector<std::int64_t> VersionLoader::survey(const std::string& name) {
  const std::vector<std::int64_t> present = version_folders(options_.folder / name);
  repository_->forget(name, present);
  for (const std::int64_t version : present) repository_->note_new(name, version);
  return present;
}

// Those that were not refused with the files that they have now: a bad one does not stand before the good ones.
std::vector<std::int64_t> VersionLoader::not_refused(const std::string& name,
                                                     const std::vector<std::int64_t>& present) const {
  std::vector<std::int64_t> left;
  for (const std::int64_t version : present) {
    const auto refused = refused_.find({name, version});
    if (refused == refused_.end() || refused->second != fingerprint(folder_of(name, version))) left.push_back(version);
  }
  return left;
}

bool VersionLoader::is_wanted(const std::string& name) const {
  return options_.wanted.empty() || policies_.count(name) != 0;
}

VersionPolicy& VersionLoader::policy_of(const std::string& name) { return policies_[name]; }

std::filesystem::path VersionLoader::folder_of(const std::string& name, std::int64_t version) const {
  return options_.folder / name / std::to_string(version);
}

}  // namespace learn_rt::serve
