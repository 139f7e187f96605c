#include "infer_stream.h"

namespace learn_rt::serve {
namespace {

bool wants_final_mark(const inference::ModelInferRequest& request) {
  const auto mark = request.parameters().find("triton_enable_empty_final_response");
  return mark != request.parameters().end() && mark->second.bool_param();
}

}  // namespace

grpc::Status InferStream::answer(const inference::ModelInferRequest& request,
                                 inference::ModelStreamInferResponse* response) {
  response->Clear();
  last_.reset();
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
  if (last_) last_->settle();
}

grpc::Status InferStream::answer_any(const inference::ModelInferRequest& request,
                                     inference::ModelInferResponse* response) {
  SequenceRef ref;
  if (const grpc::Status read = read_sequence(request, &ref); !read.ok()) return read;
  if (ref.id.empty()) return infer(*repository_, request, response);
  const grpc::Status status = sequences_.answer(*repository_, request, ref, response, &last_);
  if (!status.ok()) return status;
  host_ = last_->host();
  if (ref.end) last_.reset();
  ++answers_;
  return grpc::Status::OK;
}

}  // namespace learn_rt::serve
