#include "sequences.h"

#include <exception>

#include "infer.h"
#include "status.h"
#include "tensors.h"

namespace learn_rt::serve {
namespace {

using Clock = std::chrono::steady_clock;

std::string key_of(const inference::ModelInferRequest& request, const SequenceRef& ref) {
  const std::string& version = request.model_version();
  return request.model_name() + "/" + (version == "stable" ? "" : version) + "/" + ref.id;
}

// One sample at a time: another is told so, and not taken.
class Turn {
 public:
  explicit Turn(std::atomic<bool>& answering) : answering_(answering), taken_(!answering.exchange(true)) {}
  ~Turn() {
    if (taken_) answering_.store(false);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool taken() const noexcept { return taken_; }

 private:
  std::atomic<bool>& answering_;
  const bool taken_;
};

}  // namespace

grpc::Status read_sequence(const inference::ModelInferRequest& request, SequenceRef* sequence) {
  using Parameter = inference::InferParameter;
  for (const auto& [name, value] : request.parameters()) {
    if (name == "sequence_id") {
      switch (value.parameter_choice_case()) {
        case Parameter::kInt64Param:
          if (value.int64_param() != 0) sequence->id = "i:" + std::to_string(value.int64_param());
          break;
        case Parameter::kUint64Param:
          if (value.uint64_param() != 0) sequence->id = "i:" + std::to_string(value.uint64_param());
          break;
        case Parameter::kStringParam:
          if (value.string_param().size() > 128) return invalid("sequence_id must have at most 128 characters");
          if (!value.string_param().empty()) sequence->id = "s:" + value.string_param();
          break;
        default:
          return invalid("parameter sequence_id must be an integer or a string");
      }
    } else if (name == "sequence_start" || name == "sequence_end") {
      if (value.parameter_choice_case() != Parameter::kBoolParam)
        return invalid("parameter " + name + " must be a bool");
      (name == "sequence_start" ? sequence->start : sequence->end) = value.bool_param();
    }
  }
  if (sequence->id.empty() && (sequence->start || sequence->end))
    return invalid("sequence_start and sequence_end need a sequence_id");
  return grpc::Status::OK;
}

void Sequence::settle() {
  const std::lock_guard<std::mutex> lock(mutex_);
  hosted_.session().settle();
}

std::size_t Sequences::open() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return sequences_.size();
}

grpc::Status Sequences::answer(const Repository& repository, const inference::ModelInferRequest& request,
                               const SequenceRef& ref, inference::ModelInferResponse* response,
                               std::shared_ptr<Sequence>* answered) {
  answered->reset();
  const std::string key = key_of(request, ref);
  Entry sequence;
  if (const grpc::Status found = find(repository, request, ref, key, &sequence); !found.ok()) return found;
  ModelHost& host = *sequence->host();
  const auto refuse = [&host](const grpc::Status& status) {
    host.counters().failures.count(status.error_code());
    return status;
  };
  const Turn turn(sequence->answering_);
  if (!turn.taken()) {
    return refuse({grpc::StatusCode::UNAVAILABLE,
                   "sequence " + ref.id.substr(2) + " of " + host.name() +
                       " is being answered: send its next sample after that, or send all over one ModelStreamInfer"});
  }
  const std::lock_guard<std::mutex> lock(sequence->mutex_);  // the last sample may still settle
  InputView sample;
  const auto n_features = static_cast<std::int64_t>(host.spec().n_features());
  if (const grpc::Status read = read_inputs(request, {{kInput, {n_features}}}, 1, &sample); !read.ok())
    return refuse(read);
  Session& session = sequence->hosted_.session();
  if (ref.start) session.begin(nullptr);
  head(request, host, response);
  float* answer = add_output(1, whole_answer(host.spec()), sample.raw, response);
  const auto start = Clock::now();
  const std::uint32_t flags = session.step(sample.data[0], answer);
  const auto now = Clock::now();
  host.counters().answered(1, now - start);
  host.counters().count_flags(&flags, 1);
  (*response->mutable_parameters())["flags"].set_int64_param(flags);
  sequence->used_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  *answered = sequence;
  if (!ref.end) return grpc::Status::OK;
  const std::lock_guard<std::mutex> all(mutex_);
  const auto entry = sequences_.find(key);
  if (entry != sequences_.end() && entry->second == sequence) sequences_.erase(entry);
  return grpc::Status::OK;
}

grpc::Status Sequences::find(const Repository& repository, const inference::ModelInferRequest& request,
                             const SequenceRef& ref, const std::string& key, Entry* sequence) {
  if (!ref.start) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (const auto entry = sequences_.find(key); entry != sequences_.end()) {
      *sequence = entry->second;
      return grpc::Status::OK;
    }
  }
  std::shared_ptr<ModelHost> host;
  const grpc::Status found = repository.find(request.model_name(), request.model_version(), &host);
  if (!found.ok()) return found;
  const auto refuse = [&host](const grpc::Status& status) {
    host->counters().failures.count(status.error_code());
    return status;
  };
  if (host->spec().kind == Kind::kRollout) {
    return refuse(invalid(host->name() + " has no sequences: send whole windows with actions, or open a stream of "
                                         "learn_rt.v1.Predictor's Rollout"));
  }
  if (!ref.start) {
    return refuse(invalid("sequence " + ref.id.substr(2) + " of " + host->name() +
                          " is not open here: begin it with sequence_start (one that gets no samples is dropped)"));
  }
  InputView sample;  // what is wrong opens nothing
  const auto n_features = static_cast<std::int64_t>(host->spec().n_features());
  if (const grpc::Status read = read_inputs(request, {{kInput, {n_features}}}, 1, &sample); !read.ok())
    return refuse(read);
  std::vector<Entry> dropped;  // freed after the lock
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto now = Clock::now();
  const auto known = sequences_.find(key);
  if (known != sequences_.end()) {
    if (known->second->host() == host || known->second->answering_.load()) {
      *sequence = known->second;
      return grpc::Status::OK;
    }
    dropped.push_back(known->second);  // it begins anew: on the version that is served now
    sequences_.erase(known);
  }
  if (const grpc::Status room = make_room(now, &dropped); !room.ok()) return refuse(room);
  try {
    *sequence = std::make_shared<Sequence>(host);
  } catch (const std::exception& error) {
    return refuse({grpc::StatusCode::INTERNAL, host->name() + ": no session: " + error.what()});
  }
  (*sequence)->used_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  sequences_.emplace(key, *sequence);
  return grpc::Status::OK;
}

grpc::Status Sequences::make_room(Clock::time_point now, std::vector<Entry>* dropped) {
  for (auto entry = sequences_.begin(); idle_.count() > 0 && entry != sequences_.end();) {
    const Clock::time_point used{Clock::duration(entry->second->used_.load(std::memory_order_relaxed))};
    if (now - used > idle_ && !entry->second->answering_.load()) {
      dropped->push_back(std::move(entry->second));
      entry = sequences_.erase(entry);
    } else {
      ++entry;
    }
  }
  if (sequences_.size() < most_) return grpc::Status::OK;
  return {grpc::StatusCode::RESOURCE_EXHAUSTED,
          "at most " + std::to_string(most_) + " sequences are open here at the same time: end one with sequence_end"};
}

}  // namespace learn_rt::serve
