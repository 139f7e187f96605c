#include "version_policy.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "status.h"

namespace learn_rt::serve {
namespace {

constexpr std::size_t kMaxConfig = 64 * 1024;  // bytes
constexpr int kMaxVersions = 64;               // served of one model

grpc::Status from_config(const std::string& json, VersionPolicy* policy) {
  if (json.size() > kMaxConfig) return invalid("parameter config must have at most 65536 bytes");
  inference::ModelConfig config;
  const auto parsed = google::protobuf::util::JsonStringToMessage(json, &config);
  if (!parsed.ok()) {
    return invalid("parameter config must be a ModelConfig as JSON, of which version_policy alone is taken: " +
                   std::string(parsed.message()));
  }
  const inference::ModelVersionPolicy wanted = config.version_policy();
  config.clear_version_policy();
  if (config.ByteSizeLong() != 0) {
    return invalid("of parameter config only version_policy may be set: the rest is in the model's spec.json");
  }
  switch (wanted.policy_choice_case()) {
    case inference::ModelVersionPolicy::kLatest:
      policy->latest = std::max<std::size_t>(1, wanted.latest().num_versions());
      break;
    case inference::ModelVersionPolicy::kAll:
      policy->kind = VersionPolicy::kAll;
      break;
    case inference::ModelVersionPolicy::kSpecific:
      if (wanted.specific().versions_size() < 1 || wanted.specific().versions_size() > kMaxVersions)
        return invalid("version_policy.specific must name 1 to " + std::to_string(kMaxVersions) + " versions");
      policy->kind = VersionPolicy::kSpecific;
      policy->specific.assign(wanted.specific().versions().begin(), wanted.specific().versions().end());
      std::sort(policy->specific.begin(), policy->specific.end());
      break;
    case inference::ModelVersionPolicy::POLICY_CHOICE_NOT_SET:
      break;
  }
  return grpc::Status::OK;
}

}  // namespace

grpc::Status VersionPolicy::choose(const std::string& model, const std::vector<std::int64_t>& present,
                                   std::vector<std::int64_t>* wanted) const {
  wanted->clear();
  if (kind == kNone) return grpc::Status::OK;
  if (kind == kSpecific) {
    for (const std::int64_t version : specific) {
      if (std::binary_search(present.begin(), present.end(), version)) continue;
      std::string held;
      for (const std::int64_t other : present) held += (held.empty() ? "" : ", ") + std::to_string(other);
      return {grpc::StatusCode::NOT_FOUND, "the repository holds no version " + std::to_string(version) + " of '" +
                                               model + "'; it holds " + (held.empty() ? "none" : held)};
    }
    *wanted = specific;
    return grpc::Status::OK;
  }
  const std::size_t most = kind == kAll ? kMaxVersions : std::min<std::size_t>(latest, kMaxVersions);
  wanted->assign(present.end() - static_cast<std::ptrdiff_t>(std::min(most, present.size())), present.end());
  return grpc::Status::OK;
}

grpc::Status read_policy(const inference::RepositoryModelLoadRequest& request, VersionPolicy* policy) {
  for (const auto& [name, value] : request.parameters()) {
    if (name != "config") {
      return {grpc::StatusCode::UNIMPLEMENTED,
              "parameter " + in_quotes(name) +
                  " of a load is not supported: models are loaded from the repository's folder only"};
    }
    if (value.parameter_choice_case() != inference::ModelRepositoryParameter::kStringParam)
      return invalid("parameter config must be a string");
    if (const grpc::Status read = from_config(value.string_param(), policy); !read.ok()) return read;
  }
  return grpc::Status::OK;
}

}  // namespace learn_rt::serve
