#include "infer.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include "status.h"
#include "tensors.h"

namespace learn_rt::serve {
namespace {

using Clock = std::chrono::steady_clock;

grpc::Status infer_windows(ModelHost& host, const inference::ModelInferRequest& request,
                           inference::ModelInferResponse* response) {
  const Spec& spec = host.spec();
  if (spec.kind == Kind::kStateful) {
    return {grpc::StatusCode::UNIMPLEMENTED,
            host.name() + " carries state from sample to sample: send the samples of a sequence, with a sequence_id"};
  }
  InputView input;
  const grpc::Status read = read_inputs(request, whole_inputs(spec), kMaxBatch, &input);
  if (!read.ok()) return read;
  if (input.batch * std::max<std::size_t>(1, spec.horizon) * spec.n_outputs() > kMaxAnswers) {
    return invalid("the answers would hold more than " + std::to_string(kMaxAnswers) + " values: send fewer windows");
  }
  head(request, host, response);
  float* answers = add_output(input.batch, whole_answer(spec), input.raw, response);
  const auto start = Clock::now();
  try {
    if (spec.kind == Kind::kRollout) {
      host.model().infer_rollout(input.data[0], input.data[1], input.batch, answers);
    } else {
      host.model().infer(input.data[0], input.batch, answers);
    }
  } catch (const std::exception& error) {
    return {grpc::StatusCode::INTERNAL, host.name() + ": " + error.what()};
  }
  host.counters().answered(input.batch, Clock::now() - start);
  return grpc::Status::OK;
}

}  // namespace

void head(const inference::ModelInferRequest& request, const ModelHost& host, inference::ModelInferResponse* response) {
  response->set_model_name(host.name());
  response->set_model_version(std::to_string(host.version()));
  response->set_id(request.id());
}

grpc::Status infer(const Repository& repository, const inference::ModelInferRequest& request,
                   inference::ModelInferResponse* response) {
  std::shared_ptr<ModelHost> host;
  const grpc::Status found = repository.find(request.model_name(), request.model_version(), &host);
  if (!found.ok()) return found;
  const grpc::Status status = infer_windows(*host, request, response);
  if (!status.ok()) host->counters().failures.count(status.error_code());
  return status;
}

}  // namespace learn_rt::serve
