#pragma once

#include <grpcpp/support/status.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "learn_rt/record/recorder.h"
#include "model_host.h"

namespace learn_rt::serve {

// A version folder, and what it is to be served as.
struct ModelSource {
  std::string name;
  std::int64_t version;
  std::filesystem::path folder;
};

// The models that are served. Filled before the server starts, then only read: any thread.
class Repository {
 public:
  // Loads each folder and replays its golden samples. Throws std::runtime_error: which folder, and the cause.
  static std::shared_ptr<Repository> load(const std::vector<ModelSource>& sources, const std::string& backend);

  // Throws std::runtime_error when the name and version are there already.
  void add(std::shared_ptr<ModelHost> host);

  // `version` is a number, "stable" or "" (both: the highest). NOT_FOUND says what is served.
  grpc::Status find(const std::string& name, const std::string& version, std::shared_ptr<ModelHost>* host) const;

  // Where streams are recorded; null: nowhere. Set before the server starts.
  void record_with(std::shared_ptr<record::Recorder> recorder) { recorder_ = std::move(recorder); }
  const std::shared_ptr<record::Recorder>& recorder() const noexcept { return recorder_; }

  // All of them, by name and then version.
  std::vector<std::shared_ptr<ModelHost>> hosts() const;

 private:
  std::map<std::string, std::map<std::int64_t, std::shared_ptr<ModelHost>>> models_;
  std::shared_ptr<record::Recorder> recorder_;
};

}  // namespace learn_rt::serve
