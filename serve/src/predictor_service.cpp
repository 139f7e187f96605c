#include "predictor_service.h"

#include "opening.h"
#include "predict_stream.h"
#include "rollout_exchange.h"
#include "status.h"

namespace learn_rt::serve {

grpc::ServerUnaryReactor* PredictorService::Describe(grpc::CallbackServerContext* context,
                                                     const v1::DescribeRequest* request,
                                                     v1::DescribeResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const grpc::Status found = describe(*repository_, *request, response);
  reactor->Finish(gate_.ready() ? found : shutting_down());
  return reactor;
}

RawStream* PredictorService::Predict(grpc::CallbackServerContext* context) {
  return StreamReactor<v1::PredictRequest, v1::PredictResponse, PredictStream>::start(gate_, *context, repository_,
                                                                                      gate_.limits().samples_per_s);
}

RawStream* PredictorService::Rollout(grpc::CallbackServerContext* context) {
  return StreamReactor<v1::RolloutRequest, v1::RolloutResponse, RolloutExchange>::start(gate_, *context, repository_,
                                                                                        rollout_threads_);
}

}  // namespace learn_rt::serve
