#include "infer_stream.h"

#include <chrono>
#include <exception>

#include "status.h"
#include "tensors.h"

namespace learn_rt::serve {
namespace {

using Clock = std::chrono::steady_clock;

bool wants_final_mark(const inference::ModelInferRequest& request) {
  const auto mark = request.parameters().find("triton_enable_empty_final_response");
  return mark != request.parameters().end() && mark->second.bool_param();
}

}  // namespace

grpc::Status InferStream::answer(const inference::ModelInferRequest& request,
                                 inference::ModelStreamInferResponse* response) {
  response->Clear();
  last_ = nullptr;
  auto* answered = response->mutable_infer_response();
  const grpc::Status status = answer_any(request, answered);
  if (!status.ok()) {
    answered->Clear();
    answered->set_id(request.id());
    response->set_error_message(status.error_message());
  }
  if (wants_final_mark(request)) (*answered->mutable_parameters())["triton_final_response"].set_bool_param(true);
  return grpc::Status::OK;
}

void InferStream::settle() {
  if (last_ != nullptr) last_->session().settle();
}

grpc::Status InferStream::answer_any(const inference::ModelInferRequest& request,
                                     inference::ModelInferResponse* response) {
  SequenceRef sequence;
  if (const grpc::Status read = read_sequence(request, &sequence); !read.ok()) return read;
  if (!sequence.id.empty()) return answer_sequence(request, sequence, response);
  if (sequence.start || sequence.end) return invalid("sequence_start and sequence_end need a sequence_id");
  return infer(*repository_, request, response);
}

grpc::Status InferStream::answer_sequence(const inference::ModelInferRequest& request, const SequenceRef& sequence,
                                          inference::ModelInferResponse* response) {
  std::shared_ptr<ModelHost> host;
  const grpc::Status found = repository_->find(request.model_name(), request.model_version(), &host);
  if (!found.ok()) return found;
  host_ = host;
  const auto refuse = [&host](const grpc::Status& status) {
    host->counters().failures.count(status.error_code());
    return status;
  };
  if (host->spec().kind == Kind::kRollout) {
    return refuse(invalid(host->name() + " has no sequences: send whole windows with actions, or open a stream of "
                                         "learn_rt.v1.Predictor's Rollout"));
  }
  InputView sample;
  const auto n_features = static_cast<std::int64_t>(host->spec().n_features());
  if (const grpc::Status read = read_inputs(request, {{kInput, {n_features}}}, 1, &sample); !read.ok())
    return refuse(read);

  const std::string key = host->name() + "/" + std::to_string(host->version()) + "/" + sequence.id;
  HostedSession* hosted = nullptr;
  if (const grpc::Status status = session_of(key, sequence.start, host, &hosted); !status.ok()) return refuse(status);

  head(request, *host, response);
  float* answer = add_output(1, whole_answer(host->spec()), sample.raw, response);
  const auto start = Clock::now();
  const std::uint32_t flags = hosted->session().step(sample.data[0], answer);
  host->counters().answered(1, Clock::now() - start);
  host->counters().count_flags(&flags, 1);
  (*response->mutable_parameters())["flags"].set_int64_param(flags);
  last_ = hosted;
  ++answers_;
  if (sequence.end) {
    last_ = nullptr;
    sequences_.erase(key);
  }
  return grpc::Status::OK;
}

grpc::Status InferStream::session_of(const std::string& key, bool start, const std::shared_ptr<ModelHost>& host,
                                     HostedSession** session) {
  const auto known = sequences_.find(key);
  if (known != sequences_.end()) {
    if (start) known->second->session().begin(nullptr);
    *session = known->second.get();
    return grpc::Status::OK;
  }
  if (!start) {
    return invalid("sequence " + key.substr(key.rfind(':') + 1) + " of " + host->name() +
                   " is not open on this stream: begin it with sequence_start");
  }
  if (sequences_.size() >= kMaxSequences) {
    return {grpc::StatusCode::RESOURCE_EXHAUSTED,
            "a stream holds at most " + std::to_string(kMaxSequences) + " sequences: end one, or open another stream"};
  }
  try {
    *session = sequences_.emplace(key, std::make_unique<HostedSession>(host)).first->second.get();
  } catch (const std::exception& error) {
    return {grpc::StatusCode::INTERNAL, host->name() + ": no session: " + error.what()};
  }
  (*session)->session().begin(nullptr);
  return grpc::Status::OK;
}

}  // namespace learn_rt::serve
