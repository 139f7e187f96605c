#include "followers.h"

#include <algorithm>
#include <cmath>
#include <exception>

#include "repository.h"

namespace learn_rt::serve {
namespace {

constexpr std::size_t kMaxHistory = std::size_t{1} << 23;  // values of a stream's history: 32 MiB
constexpr std::uint64_t kNear = 8;                         // samples behind a stream that its session can catch up on
constexpr int kMaxTries = 100;

bool same(const std::weak_ptr<ModelHost>& a, const std::shared_ptr<ModelHost>& b) {
  return !a.owner_before(b) && !b.owner_before(a);
}

// Why a stream of a model cannot be brought to another version, or nothing.
std::string cannot_follow(const Spec& spec) {
  if (spec.kind == Kind::kStateful && spec.forgetting == 0)
    return "its state cannot be made again from a history: the spec states no forgetting length";
  const std::size_t values = 2 * (replay_length(spec) + 1) * spec.n_features();
  if (values > kMaxHistory) {
    return "its history is too long: " + std::to_string(values) + " values, at most " + std::to_string(kMaxHistory);
  }
  return "";
}

bool same_envelopes(const Spec& a, const Spec& b) {
  if (a.outputs.size() != b.outputs.size()) return false;
  return std::equal(a.outputs.begin(), a.outputs.end(), b.outputs.begin(), [](const Signal& x, const Signal& y) {
    if (!x.envelope || !y.envelope) return x.envelope.has_value() == y.envelope.has_value();
    return x.envelope->value == y.envelope->value && x.envelope->rate == y.envelope->rate &&
           x.envelope->second == y.envelope->second;
  });
}

// Why a stream does not go on with another version, or nothing.
std::string why_not(const Spec& from, const Spec& to, const Follower& follower) {
  if (from.contract_hash != to.contract_hash) return "it has another contract";
  if (!same_envelopes(from, to)) return "it has another envelope: open the stream anew";
  if (const std::string cause = cannot_follow(to); !cause.empty()) return cause;
  if (replay_length(to) + 1 + kNear > follower.history().capacity())
    return "it remembers more samples than were kept: open the stream anew";
  return "";
}

// A session of `host` that took the stream's history; none when the stream was faster.
std::unique_ptr<Runner> replay(const std::shared_ptr<ModelHost>& host, const Follower& follower) {
  const Spec& spec = host->spec();
  const SampleHistory& history = follower.history();
  auto runner = std::make_unique<Runner>();
  runner->host = host;
  runner->session = host->model().open();
  const std::uint64_t taken = history.taken(), length = replay_length(spec) + 1;
  const bool whole = taken <= length;  // everything since the stream began
  runner->session->begin(whole && !follower.rest().empty() ? follower.rest().data() : nullptr);
  runner->taken = whole ? 0 : taken - length;
  std::vector<float> sample(spec.n_features()), answer(spec.n_outputs());
  for (std::uint64_t n = taken; runner->taken < n && !follower.closed(); n = history.taken()) {
    if (!history.copy(runner->taken, sample.data())) return nullptr;
    runner->flags = runner->session->step(sample.data(), answer.data());
    runner->session->settle();
    ++runner->taken;
  }
  return runner;
}

}  // namespace

grpc::Status Followers::open(const std::shared_ptr<ModelHost>& host, const Following& how,
                             const std::vector<float>& rest, std::unique_ptr<FollowingSession>* session) {
  const Spec& spec = host->spec();
  if (const std::string cause = cannot_follow(spec); !cause.empty()) {
    return {grpc::StatusCode::FAILED_PRECONDITION,
            host->name() + " cannot be swapped under a stream: " + cause + ": leave out open.swap"};
  }
  auto first = std::make_unique<Runner>();
  first->host = host;
  first->session = host->model().open();
  // Twice what a replay needs, so that a slow replay is not overtaken at once.
  const auto follower = std::make_shared<Follower>(host, 2 * (replay_length(spec) + 1) + 1024, rest);
  const auto fade_ticks = static_cast<std::size_t>(std::max(std::lround(how.crossfade_s / spec.dt_s), 1L));
  *session = std::make_unique<FollowingSession>(follower, std::move(first), how.swap, fade_ticks, how.swap_after);
  auto followed = std::make_shared<Followed>();
  followed->model = host->name();
  followed->follower = follower;
  followed->spec = spec;
  followed->from = followed->tried = host;
  followed->from_version = host->version();
  const std::lock_guard<std::mutex> lock(mutex_);
  all_.push_back(std::move(followed));
  return grpc::Status::OK;
}

bool Followers::any() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return !all_.empty();
}

void Followers::tend(const Repository& repository, Journal& journal) {
  std::vector<std::shared_ptr<Followed>> all;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    all_.erase(
        std::remove_if(all_.begin(), all_.end(), [](const auto& followed) { return followed->follower.expired(); }),
        all_.end());
    all = all_;
  }
  for (const auto& followed : all) {
    if (const auto follower = followed->follower.lock()) tend_one(repository, journal, *followed, *follower);
  }
}

void Followers::tend_one(const Repository& repository, Journal& journal, Followed& followed, Follower& follower) {
  for (const std::unique_ptr<Runner>& runner : follower.reap()) {
    // One that fell behind: another is prepared.
    if (!runner->unfit && runner->host.get() != follower.host() && same(followed.tried, runner->host))
      followed.tried = followed.from;
    if (runner->unfit) journal.version_left_out(*runner->host, "it gives no answers on a running stream's samples");
  }
  if (follower.closed()) return;
  std::shared_ptr<ModelHost> stable;
  if (!repository.find(followed.model, "stable", &stable).ok()) return;
  const auto from = followed.from.lock();
  if (from.get() != follower.host()) {  // it went on with the version that was prepared for it
    if (const auto now = followed.tried.lock(); now.get() == follower.host()) {
      journal.swapped(followed.from_version, *now);
      followed.from = now;
      followed.from_version = now->version();
    }
  }
  if (stable.get() == follower.host() || same(followed.tried, stable)) return;
  std::string cause = why_not(followed.spec, stable->spec(), follower);
  try {
    if (cause.empty()) {
      if (auto runner = replay(stable, follower)) {
        follower.offer(std::move(runner));
      } else if (++followed.tries < kMaxTries) {
        return;  // at the next look
      } else {
        cause = "its samples come faster than they can be replayed here";
      }
    }
  } catch (const std::exception& error) {
    cause = error.what();
  }
  followed.tries = 0;
  followed.tried = stable;
  if (!cause.empty()) journal.version_left_out(*stable, cause);
}

}  // namespace learn_rt::serve
