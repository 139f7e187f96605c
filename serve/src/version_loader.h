#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "journal.h"
#include "repository.h"
#include "version_policy.h"

namespace learn_rt::serve {

struct LoaderOptions {
  std::filesystem::path folder;        // the repository's; empty: nothing can be loaded
  std::string backend = "auto";        // see Model::load
  std::vector<std::string> wanted;     // NAME or NAME/VERSION; none: every model
  std::chrono::milliseconds watch{0};  // how often to look into the folder; 0: never
  bool by_call = true;                 // whether clients may load and unload
};

// Loads and unloads versions while others serve, and prepares them for the streams that follow: on a thread of its own,
// of low priority. A version is checked as a
// server checks it at its start (sums, golden samples) before anybody gets it; one that is refused leaves what is
// served as it is. The stable version before the last stays loaded, for streams that ask for its number.
class VersionLoader {
 public:
  using Done = std::function<void(const grpc::Status&)>;

  VersionLoader(std::shared_ptr<Repository> repository, Journal& journal, LoaderOptions options);
  ~VersionLoader();
  VersionLoader(const VersionLoader&) = delete;
  VersionLoader& operator=(const VersionLoader&) = delete;

  // Loads what `policy` wants of a model; the highest version is then the stable one, and the policy holds for watching
  // too. Returns at once; `done` is called on any thread: NOT_FOUND, INVALID_ARGUMENT (a version is refused, and why),
  // UNIMPLEMENTED, UNAVAILABLE.
  void load(const std::string& name, const VersionPolicy& policy, Done done);
  // New streams and requests do not get the model any more, until it is loaded again; open streams keep it.
  void unload(const std::string& name, Done done);

  bool has_folder() const noexcept { return !options_.folder.empty(); }
  bool by_call() const noexcept { return options_.by_call; }
  // Ends the work at hand; what waits, and what comes later, is told UNAVAILABLE.
  void stop();

 private:
  using Version = std::pair<std::string, std::int64_t>;
  using Clock = std::chrono::steady_clock;
  struct Job {
    std::function<grpc::Status()> work;
    Done done;
  };

  void run();
  void post(Job job);
  void look_around();
  void look_at(const std::string& name);
  grpc::Status load_now(const std::string& name, const VersionPolicy& policy, bool asked);
  grpc::Status load_version(const std::string& name, std::int64_t version, bool asked,
                            std::shared_ptr<ModelHost>* host);
  grpc::Status unload_now(const std::string& name);
  std::vector<std::int64_t> survey(const std::string& name);
  std::vector<std::int64_t> not_refused(const std::string& name, const std::vector<std::int64_t>& present) const;
  bool is_wanted(const std::string& name) const;
  VersionPolicy& policy_of(const std::string& name);
  std::filesystem::path folder_of(const std::string& name, std::int64_t version) const;

  const std::shared_ptr<Repository> repository_;
  Journal& journal_;
  const LoaderOptions options_;

  // The thread's own.
  std::map<std::string, VersionPolicy> policies_;
  std::map<Version, std::string> loaded_, refused_;  // their files' fingerprints
  std::map<std::string, std::string> seen_;          // what was wanted of a model at the last look

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::deque<Job> jobs_;
  std::thread thread_;
};

}  // namespace learn_rt::serve
