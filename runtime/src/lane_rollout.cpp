#include "lane_rollout.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "candidates.h"
#include "denormals.h"

namespace learn_rt {

// The calling thread and others that share a rollout's candidates, part by part.
class LaneRollout::Team {
 public:
  Team(const LanePlan& plan, const LaneStream& history, const RolloutLimits& limits)
      : history_(history), size_(std::min(limits.threads, limits.candidates)) {
    const std::size_t most = std::min(limits.candidates, Candidates::kMost);  // no part is larger
    for (std::size_t i = 0; i < size_; ++i) members_.push_back(std::make_unique<Candidates>(plan, most));
    try {
      for (std::size_t i = 1; i < size_; ++i) threads_.emplace_back([this, i] { work(i); });
    } catch (...) {
      leave();
      throw;
    }
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  ~Team() { leave(); }

  void run(const RolloutTask& task) LEARN_RT_REALTIME {
    if (task.candidates == 0) return;
    task_ = task;
    part_ = part_of(task.candidates);
    next_.store(0, std::memory_order_relaxed);
    const bool together = size_ > 1 && task.candidates > part_;
    if (together) {
      const std::lock_guard<std::mutex> lock(mutex_);
      busy_ = size_ - 1;
      ++round_;
      start_.notify_all();
    }
    take_parts(*members_[0]);
    if (!together) return;
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, [this] { return busy_ == 0; });
  }

 private:
  // As few parts as fit the members' memory, all of one size, as many for each member.
  std::size_t part_of(std::size_t candidates) const LEARN_RT_REALTIME {
    const auto divide = [](std::size_t a, std::size_t b) { return (a + b - 1) / b; };
    const std::size_t rounds = divide(candidates, size_ * Candidates::kMost);
    return divide(candidates, size_ * rounds);
  }

  void take_parts(Candidates& member) LEARN_RT_REALTIME {
    for (;;) {
      const std::size_t first = next_.fetch_add(part_, std::memory_order_relaxed);
      if (first >= task_.candidates) return;
      member.run(history_, task_, first, std::min(part_, task_.candidates - first));
    }
  }

  void work(std::size_t i) LEARN_RT_REALTIME {
    const DenormalsAreZero guard;
    std::unique_lock<std::mutex> lock(mutex_);
    for (std::size_t seen = 0;;) {
      start_.wait(lock, [&] { return leaving_ || round_ != seen; });
      if (leaving_) return;
      seen = round_;
      lock.unlock();
      take_parts(*members_[i]);
      lock.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  void leave() noexcept {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      leaving_ = true;
      start_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
  }

  const LaneStream& history_;
  const std::size_t size_;
  std::vector<std::unique_ptr<Candidates>> members_;
  RolloutTask task_{};
  std::size_t part_ = 1;
  std::atomic<std::size_t> next_{0};  // the first candidate that nobody took
  std::mutex mutex_;                  // guards what follows
  std::condition_variable start_, done_;
  std::size_t round_ = 0, busy_ = 0;
  bool leaving_ = false;
  std::vector<std::thread> threads_;
};

LaneRollout::LaneRollout(const LanePlan& plan, const RolloutLimits& limits)
    : history_(plan), answer_(plan.n_outputs), team_(std::make_unique<Team>(plan, history_, limits)) {}

LaneRollout::~LaneRollout() = default;

void LaneRollout::reset() LEARN_RT_REALTIME { history_.reset(); }

void LaneRollout::close_row(const float* row) LEARN_RT_REALTIME {
  history_.step(row, answer_.data());
  history_.settle();
}

void LaneRollout::rollout(const float* state, const float* actions, std::size_t candidates, std::size_t horizon,
                          float* states) LEARN_RT_REALTIME {
  team_->run({state, actions, candidates, horizon, states});
}

}  // namespace learn_rt
