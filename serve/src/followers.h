#pragma once

#include <grpcpp/support/status.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "following_session.h"
#include "journal.h"

namespace learn_rt::serve {

class Repository;

// What a stream asks of a version that is loaded while it runs.
struct Following {
  static constexpr double kMostFadeS = 60.0;

  Swap swap = Swap::kPinned;
  double crossfade_s = 0.1;
  std::uint64_t swap_after = 0;  // samples that the version of the beginning answers
};

// The streams that go on with the stable version of their model, and what prepares it for each: a session that took the
// stream's own history. Any thread, but for tend().
class Followers {
 public:
  // A session that follows; it is to begin with `rest` (empty: cold). FAILED_PRECONDITION: the model's streams cannot
  // go on with another version; RESOURCE_EXHAUSTED. Throws what the model throws.
  grpc::Status open(const std::shared_ptr<ModelHost>& host, const Following& how, const std::vector<float>& rest,
                    std::unique_ptr<FollowingSession>* session);

  bool any() const;
  // Prepares the stable version for the streams that run on another, and frees what they are through with. One thread:
  // it replays whole histories.
  void tend(const Repository& repository, Journal& journal);

 private:
  struct Followed {
    std::string model;
    std::weak_ptr<Follower> follower;
    Spec spec;                             // that it was opened with
    std::weak_ptr<ModelHost> from, tried;  // the version that it ran on, and that was prepared or refused last
    std::int64_t from_version = 0;
    int tries = 0;
  };

  void tend_one(const Repository& repository, Journal& journal, Followed& followed, Follower& follower);

  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Followed>> all_;
};

}  // namespace learn_rt::serve
