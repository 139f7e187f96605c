#include "inference_service.h"

#include "describe.h"
#include "infer.h"
#include "infer_stream.h"
#include "status.h"

namespace learn_rt::serve {
namespace {

grpc::ServerUnaryReactor* finish(grpc::CallbackServerContext* context, const grpc::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

grpc::Status one_repository() {
  return {grpc::StatusCode::UNIMPLEMENTED, "there is one repository: leave repository_name empty"};
}

grpc::Status not_by_call() {
  return {grpc::StatusCode::PERMISSION_DENIED,
          "models are not loaded or unloaded by call: the server was started with --no-load"};
}

}  // namespace

using Unary = InferenceService::Unary;

Unary* InferenceService::ServerLive(Context* context, const inference::ServerLiveRequest* /*request*/,
                                    inference::ServerLiveResponse* response) {
  response->set_live(true);
  return finish(context, grpc::Status::OK);
}

Unary* InferenceService::ServerReady(Context* context, const inference::ServerReadyRequest* /*request*/,
                                     inference::ServerReadyResponse* response) {
  response->set_ready(gate_.ready());
  return finish(context, grpc::Status::OK);
}

Unary* InferenceService::ModelReady(Context* context, const inference::ModelReadyRequest* request,
                                    inference::ModelReadyResponse* response) {
  std::shared_ptr<ModelHost> host;
  const grpc::Status found = repository_->find(request->name(), request->version(), &host);
  response->set_ready(found.ok() && gate_.ready());
  return finish(context, found);
}

Unary* InferenceService::ServerMetadata(Context* context, const inference::ServerMetadataRequest* /*request*/,
                                        inference::ServerMetadataResponse* response) {
  response->set_name("learn-rt");
  response->set_version(server_version_);
  for (const char* extension : {"sequence", "model_configuration", "statistics"}) response->add_extensions(extension);
  if (loader_.has_folder()) response->add_extensions("model_repository");
  return finish(context, grpc::Status::OK);
}

Unary* InferenceService::ModelMetadata(Context* context, const inference::ModelMetadataRequest* request,
                                       inference::ModelMetadataResponse* response) {
  std::shared_ptr<ModelHost> host;
  const grpc::Status found = repository_->find(request->name(), request->version(), &host);
  if (found.ok()) {
    std::vector<std::int64_t> versions;
    for (const auto& other : repository_->hosts()) {
      if (other->name() == host->name()) versions.push_back(other->version());
    }
    describe(*host, versions, response);
  }
  return finish(context, found);
}

Unary* InferenceService::ModelInfer(Context* context, const inference::ModelInferRequest* request,
                                    inference::ModelInferResponse* response) {
  if (!gate_.ready()) return finish(context, shutting_down());
  SequenceRef sequence;
  if (const grpc::Status read = read_sequence(*request, &sequence); !read.ok()) return finish(context, read);
  if (sequence.id.empty()) return finish(context, infer(*repository_, *request, response));
  std::shared_ptr<Sequence> answered;
  const grpc::Status status = sequences_.answer(*repository_, *request, sequence, response, &answered);
  Unary* reactor = finish(context, status);
  if (status.ok() && !sequence.end) answered->settle();
  return reactor;
}

Unary* InferenceService::ModelConfig(Context* context, const inference::ModelConfigRequest* request,
                                     inference::ModelConfigResponse* response) {
  std::shared_ptr<ModelHost> host;
  const grpc::Status found = repository_->find(request->name(), request->version(), &host);
  if (found.ok()) describe(*host, response->mutable_config());
  return finish(context, found);
}

Unary* InferenceService::ModelStatistics(Context* context, const inference::ModelStatisticsRequest* request,
                                         inference::ModelStatisticsResponse* response) {
  if (request->name().empty()) {
    for (const auto& host : repository_->running()) describe(*host, response->add_model_stats());
    return finish(context, grpc::Status::OK);
  }
  std::shared_ptr<ModelHost> host;
  const grpc::Status found = repository_->find(request->name(), request->version(), &host);
  if (found.ok()) describe(*host, response->add_model_stats());
  return finish(context, found);
}

Unary* InferenceService::RepositoryIndex(Context* context, const inference::RepositoryIndexRequest* request,
                                         inference::RepositoryIndexResponse* response) {
  if (!request->repository_name().empty()) return finish(context, one_repository());
  const bool up = gate_.ready();
  for (const IndexRow& row : repository_->index()) {
    const bool ready = row.state == VersionState::kReady && up;
    if (request->ready() && !ready) continue;
    auto* model = response->add_models();
    model->set_name(row.name);
    model->set_version(std::to_string(row.version));
    model->set_state(ready ? "READY" : row.state == VersionState::kLoading ? "LOADING" : "UNAVAILABLE");
    model->set_reason(row.state == VersionState::kReady && !up ? shutting_down().error_message() : row.reason);
  }
  return finish(context, grpc::Status::OK);
}

Unary* InferenceService::RepositoryModelLoad(Context* context, const inference::RepositoryModelLoadRequest* request,
                                             inference::RepositoryModelLoadResponse* /*response*/) {
  if (!loader_.by_call()) return finish(context, not_by_call());
  if (!request->repository_name().empty()) return finish(context, one_repository());
  VersionPolicy policy;
  if (const grpc::Status read = read_policy(*request, &policy); !read.ok()) return finish(context, read);
  Unary* reactor = context->DefaultReactor();
  loader_.load(request->model_name(), policy, [reactor](const grpc::Status& status) { reactor->Finish(status); });
  return reactor;
}

Unary* InferenceService::RepositoryModelUnload(Context* context, const inference::RepositoryModelUnloadRequest* request,
                                               inference::RepositoryModelUnloadResponse* /*response*/) {
  if (!loader_.by_call()) return finish(context, not_by_call());
  if (!request->repository_name().empty()) return finish(context, one_repository());
  for (const auto& parameter : request->parameters()) {
    if (parameter.first != "unload_dependents")  // no model here depends on another
      return finish(context, invalid("parameter " + in_quotes(parameter.first) + " of an unload is not supported"));
  }
  Unary* reactor = context->DefaultReactor();
  loader_.unload(request->model_name(), [reactor](const grpc::Status& status) { reactor->Finish(status); });
  return reactor;
}

RawStream* InferenceService::ModelStreamInfer(Context* context) {
  return StreamReactor<inference::ModelInferRequest, inference::ModelStreamInferResponse, InferStream>::start(
      gate_, *context, repository_);
}

}  // namespace learn_rt::serve
