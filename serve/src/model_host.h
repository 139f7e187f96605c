#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "counters.h"
#include "learn_rt/model.h"
#include "learn_rt/record/recorded_session.h"

namespace learn_rt::serve {

// One loaded version of a model, under the name it is served by. Immutable but for its counters: any thread.
class ModelHost {
 public:
  ModelHost(std::string name, std::int64_t version, std::shared_ptr<const Model> model)
      : name_(std::move(name)), version_(version), model_(std::move(model)) {}

  const std::string& name() const noexcept { return name_; }
  std::int64_t version() const noexcept { return version_; }
  const Model& model() const noexcept { return *model_; }
  const Spec& spec() const noexcept { return model_->spec(); }
  Counters& counters() noexcept { return counters_; }

 private:
  std::string name_;
  std::int64_t version_;
  std::shared_ptr<const Model> model_;
  Counters counters_;
};

class FollowingSession;

// A stream's session and the version that answers in it, counted while it lives. One thread at a time.
class HostedSession {
 public:
  // Opens a session, warming up. Throws what the model throws.
  explicit HostedSession(std::shared_ptr<ModelHost> host);
  // One that goes on with other versions.
  explicit HostedSession(std::unique_ptr<FollowingSession> following);
  ~HostedSession();
  HostedSession(const HostedSession&) = delete;
  HostedSession& operator=(const HostedSession&) = delete;

  // The version that answers now.
  ModelHost& host() noexcept;
  Session& session() noexcept { return *session_; }
  // Call between two requests. True: from here on another version answers.
  bool turn() noexcept;

  // Records the session from here on, while there is memory for it. Before its first begin().
  void record(const std::shared_ptr<record::Recorder>& recorder);
  // For the recording: what the next samples came with.
  void tag(std::uint64_t sequence, std::int64_t stamp_ns, std::int64_t arrival_ns) LEARN_RT_REALTIME {
    if (recorded_ != nullptr) recorded_->tag(sequence, stamp_ns, arrival_ns);
  }
  // For the recording: the stream ends with an error.
  void failed(const std::string& cause);

 private:
  std::shared_ptr<ModelHost> host_;  // none: the session's
  std::unique_ptr<Session> session_;
  FollowingSession* const following_ = nullptr;  // the session, when it follows
  record::RecordedSession* recorded_ = nullptr;  // what session_ is, where it is recorded
};

// The same of a rollout session.
class HostedRollout {
 public:
  HostedRollout(std::shared_ptr<ModelHost> host, const RolloutLimits& limits);
  ~HostedRollout();
  HostedRollout(const HostedRollout&) = delete;
  HostedRollout& operator=(const HostedRollout&) = delete;

  ModelHost& host() noexcept { return *host_; }
  RolloutSession& session() const noexcept { return *session_; }

 private:
  std::shared_ptr<ModelHost> host_;
  std::unique_ptr<RolloutSession> session_;
};

}  // namespace learn_rt::serve
