#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "inference.pb.h"

namespace learn_rt::serve {

// Which versions of a model are served; the highest of them is `stable`.
struct VersionPolicy {
  enum Kind { kLatest, kSpecific, kAll, kNone };

  Kind kind = kLatest;
  std::size_t latest = 1;              // of kLatest: how many
  std::vector<std::int64_t> specific;  // of kSpecific

  // The versions that it wants of those that there are (both ascending). NOT_FOUND: a specific one is missing.
  grpc::Status choose(const std::string& model, const std::vector<std::int64_t>& present,
                      std::vector<std::int64_t>* wanted) const;
};

// Reads the parameters of a load: none (the latest version), or `config` with a version_policy. INVALID_ARGUMENT,
// UNIMPLEMENTED.
grpc::Status read_policy(const inference::RepositoryModelLoadRequest& request, VersionPolicy* policy);

}  // namespace learn_rt::serve
