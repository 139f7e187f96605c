#pragma once

#include <memory>

#include "gate.h"
#include "learn_rt/v1/predictor.grpc.pb.h"
#include "repository.h"
#include "stream_reactor.h"

namespace learn_rt::serve {

// learn_rt.v1.Predictor on gRPC.
class PredictorService final
    : public v1::Predictor::WithRawCallbackMethod_Rollout<v1::Predictor::WithRawCallbackMethod_Predict<
          v1::Predictor::WithCallbackMethod_Describe<v1::Predictor::Service>>> {
 public:
  // `rollout_threads` share the candidates of each rollout.
  PredictorService(std::shared_ptr<const Repository> repository, Gate& gate, std::size_t rollout_threads)
      : repository_(std::move(repository)), gate_(gate), rollout_threads_(rollout_threads) {}

  grpc::ServerUnaryReactor* Describe(grpc::CallbackServerContext* context, const v1::DescribeRequest* request,
                                     v1::DescribeResponse* response) override;
  RawStream* Predict(grpc::CallbackServerContext* context) override;
  RawStream* Rollout(grpc::CallbackServerContext* context) override;

 private:
  std::shared_ptr<const Repository> repository_;
  Gate& gate_;
  const std::size_t rollout_threads_;
};

}  // namespace learn_rt::serve
