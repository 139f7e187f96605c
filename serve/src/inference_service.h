#pragma once

#include <memory>
#include <string>

#include "gate.h"
#include "inference.grpc.pb.h"
#include "repository.h"
#include "sequences.h"
#include "stream_reactor.h"
#include "version_loader.h"

namespace learn_rt::serve {

// The generated base: every call on the callback API, the stream's messages raw (see StreamReactor).
using Inference = inference::GRPCInferenceService;
using InferenceBase = Inference::WithRawCallbackMethod_ModelStreamInfer<
    Inference::WithCallbackMethod_ServerLive<Inference::WithCallbackMethod_ServerReady<
        Inference::WithCallbackMethod_ModelReady<Inference::WithCallbackMethod_ServerMetadata<
            Inference::WithCallbackMethod_ModelMetadata<Inference::WithCallbackMethod_ModelInfer<
                Inference::WithCallbackMethod_ModelConfig<Inference::WithCallbackMethod_ModelStatistics<
                    Inference::WithCallbackMethod_RepositoryIndex<Inference::WithCallbackMethod_RepositoryModelLoad<
                        Inference::WithCallbackMethod_RepositoryModelUnload<Inference::Service>>>>>>>>>>>>;

// The Open Inference Protocol on gRPC.
class InferenceService final : public InferenceBase {
 public:
  // `sequences`: of all ModelInfer calls together.
  InferenceService(std::shared_ptr<const Repository> repository, Gate& gate, VersionLoader& loader,
                   Sequences& sequences, std::string server_version)
      : repository_(std::move(repository)),
        gate_(gate),
        loader_(loader),
        sequences_(sequences),
        server_version_(std::move(server_version)) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;
  Unary* ServerLive(Context*, const inference::ServerLiveRequest*, inference::ServerLiveResponse*) override;
  Unary* ServerReady(Context*, const inference::ServerReadyRequest*, inference::ServerReadyResponse*) override;
  Unary* ModelReady(Context*, const inference::ModelReadyRequest*, inference::ModelReadyResponse*) override;
  Unary* ServerMetadata(Context*, const inference::ServerMetadataRequest*, inference::ServerMetadataResponse*) override;
  Unary* ModelMetadata(Context*, const inference::ModelMetadataRequest*, inference::ModelMetadataResponse*) override;
  Unary* ModelInfer(Context*, const inference::ModelInferRequest*, inference::ModelInferResponse*) override;
  Unary* ModelConfig(Context*, const inference::ModelConfigRequest*, inference::ModelConfigResponse*) override;
  Unary* ModelStatistics(Context*, const inference::ModelStatisticsRequest*,
                         inference::ModelStatisticsResponse*) override;
  Unary* RepositoryIndex(Context*, const inference::RepositoryIndexRequest*,
                         inference::RepositoryIndexResponse*) override;
  Unary* RepositoryModelLoad(Context*, const inference::RepositoryModelLoadRequest*,
                             inference::RepositoryModelLoadResponse*) override;
  Unary* RepositoryModelUnload(Context*, const inference::RepositoryModelUnloadRequest*,
                               inference::RepositoryModelUnloadResponse*) override;
  RawStream* ModelStreamInfer(Context*) override;

 private:
  std::shared_ptr<const Repository> repository_;
  Gate& gate_;
  VersionLoader& loader_;
  Sequences& sequences_;
  std::string server_version_;
};

}  // namespace learn_rt::serve
