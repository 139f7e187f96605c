#pragma once

#include <grpcpp/support/status.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "followers.h"
#include "learn_rt/record/recorder.h"
#include "model_host.h"

namespace learn_rt::serve {

// A version folder, and what it is to be served as.
struct ModelSource {
  std::string name;
  std::int64_t version;
  std::filesystem::path folder;
};

enum class VersionState { kReady, kLoading, kUnavailable };

// What is known of one version of a model.
struct IndexRow {
  std::string name;
  std::int64_t version;
  VersionState state;
  std::string reason;  // why it is not served
};

// The models that are served, and which version of each is `stable`. Any thread; nothing here waits for a model to
// load.
class Repository {
 public:
  using Hosts = std::map<std::int64_t, std::shared_ptr<ModelHost>>;

  // Loads each folder and replays its golden samples. Throws std::runtime_error: which folder, and the cause.
  static std::shared_ptr<Repository> load(const std::vector<ModelSource>& sources, const std::string& backend);

  // Throws std::runtime_error when the name and version are there already. The highest version is `stable`.
  void add(std::shared_ptr<ModelHost> host);

  // Serves these versions of one model, and no other: new streams get them from now on, and running ones keep theirs.
  // `stable` is one of them. None: the model is not served any more.
  void serve(const std::string& name, Hosts hosts, std::int64_t stable);
  // What is known of a version that is not served.
  void note(const std::string& name, std::int64_t version, VersionState state, const std::string& reason);
  // Notes a version that nothing is known of as not loaded.
  void note_new(const std::string& name, std::int64_t version);
  // Forgets the notes on versions of `name` that are none of `present`.
  void forget(const std::string& name, const std::vector<std::int64_t>& present);

  // Where streams are recorded; null: nowhere. Set before the server starts.
  void record_with(std::shared_ptr<record::Recorder> recorder) { recorder_ = std::move(recorder); }
  const std::shared_ptr<record::Recorder>& recorder() const noexcept { return recorder_; }

  // `version` is a number, "stable" or "" (both: the stable one). NOT_FOUND says what is served.
  grpc::Status find(const std::string& name, const std::string& version, std::shared_ptr<ModelHost>* host) const;
  // The versions of one model, and its stable one; none when it is not served.
  Hosts served(const std::string& name, std::int64_t* stable) const;

  // All that are served, by name and then version.
  std::vector<std::shared_ptr<ModelHost>> hosts() const;
  // These, and those that streams still run on.
  std::vector<std::shared_ptr<ModelHost>> running() const;
  // The streams that go on with the stable version.
  Followers& followers() const noexcept { return followers_; }
  // What is known, by name and then version.
  std::vector<IndexRow> index() const;

 private:
  struct Versions {
    Hosts hosts;
    std::int64_t stable = 0;
  };
  struct Note {
    VersionState state;
    std::string reason;
  };

  std::shared_ptr<record::Recorder> recorder_;
  mutable Followers followers_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<std::string, Versions> models_;
  std::map<std::pair<std::string, std::int64_t>, Note> notes_;
  std::vector<std::weak_ptr<ModelHost>> leaving_;  // not served any more
};

}  // namespace learn_rt::serve
