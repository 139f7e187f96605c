#include "gate.h"

#include <string>
#include <vector>

#include "status.h"

namespace learn_rt::serve {

bool Gate::ready() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return open_;
}

grpc::Status Gate::admit(const std::shared_ptr<OpenStream>& stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!open_) return shutting_down();
  if (streams_.size() >= max_streams_) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            "all " + std::to_string(max_streams_) + " streams are taken: raise --max-streams or use another server"};
  }
  streams_.emplace(stream.get(), stream);
  return grpc::Status::OK;
}

void Gate::leave(OpenStream* stream) {
  std::shared_ptr<OpenStream> last;  // destroyed after the lock is given back
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto entry = streams_.find(stream);
  if (entry == streams_.end()) return;
  last = std::move(entry->second);
  streams_.erase(entry);
  if (streams_.empty()) empty_.notify_all();
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
    for (const auto& entry : streams_) inside.push_back(entry.second);
  }
  for (const auto& stream : inside) stream->end(status);
}

}  // namespace learn_rt::serve
