#include "gate.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "status.h"

namespace learn_rt::serve {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kFirstWord{10};  // a stream that did not say by then what it wants may lose its place

}  // namespace

bool Gate::ready() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return open_;
}

grpc::Status Gate::admit(const std::shared_ptr<OpenStream>& stream, const std::string& host) {
  std::shared_ptr<OpenStream> silent;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!open_) return shutting_down();
    const bool of_host = !host.empty() && limits_.most_of_host > 0;
    if (of_host && of_host_[host] >= limits_.most_of_host) {
      silent = take_silent(host);
      if (!silent) {
        return {grpc::StatusCode::RESOURCE_EXHAUSTED, "all " + std::to_string(limits_.most_of_host) + " streams of " +
                                                          host +
                                                          " are taken: close one, or raise --max-streams-of-host"};
      }
    } else if (streams_.size() >= limits_.most) {
      silent = take_silent({});
      if (!silent) {
        return {
            grpc::StatusCode::RESOURCE_EXHAUSTED,
            "all " + std::to_string(limits_.most) + " streams are taken: raise --max-streams or use another server"};
      }
    }
    streams_.emplace(stream.get(), Inside{stream, of_host ? host : std::string()});
    if (of_host) ++of_host_[host];
  }
  if (silent) {
    silent->end({grpc::StatusCode::RESOURCE_EXHAUSTED, std::string("the stream was silent") +
                                                           (silent->spoke() ? "" : " from the start") +
                                                           ", and another needed its place"});
  }
  return grpc::Status::OK;
}

bool Gate::is_silent(const OpenStream& stream) const {
  const auto silent = Clock::now() - stream.silent_since();
  return stream.spoke() ? limits_.idle.count() > 0 && silent > limits_.idle : silent > kFirstWord;
}

// Counts the one out that is silent for longest, of `host` if that is named. Null when none is for too long.
// mutex_ held.
std::shared_ptr<OpenStream> Gate::take_silent(const std::string& host) {
  auto longest = streams_.end();
  for (auto entry = streams_.begin(); entry != streams_.end(); ++entry) {
    if (!is_silent(*entry->first) || (!host.empty() && entry->second.host != host)) continue;
    if (longest == streams_.end() || entry->first->silent_since() < longest->first->silent_since()) longest = entry;
  }
  if (longest == streams_.end()) return nullptr;
  std::shared_ptr<OpenStream> taken = std::move(longest->second.stream);
  forget(longest);
  return taken;
}

// mutex_ held.
void Gate::forget(Streams::iterator entry) {
  const auto host = of_host_.find(entry->second.host);
  if (host != of_host_.end() && --host->second == 0) of_host_.erase(host);
  streams_.erase(entry);
  if (streams_.empty()) empty_.notify_all();
}

void Gate::leave(OpenStream* stream) {
  std::shared_ptr<OpenStream> last;  // destroyed after the lock is given back
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto entry = streams_.find(stream);
  if (entry == streams_.end()) return;
  last = std::move(entry->second.stream);
  forget(entry);
}

std::size_t Gate::inside() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return streams_.size();
}

void Gate::close() {
  const std::lock_guard<std::mutex> lock(mutex_);
  open_ = false;
}

bool Gate::wait_empty(std::chrono::milliseconds timeout) {
  std::unique_lock<std::mutex> lock(mutex_);
  return empty_.wait_for(lock, timeout, [this] { return streams_.empty(); });
}

void Gate::end_all(const grpc::Status& status) {
  std::vector<std::shared_ptr<OpenStream>> inside;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& entry : streams_) inside.push_back(entry.second.stream);
  }
  for (const auto& stream : inside) stream->end(status);
}

}  // namespace learn_rt::serve
