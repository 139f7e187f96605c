#include "describe.h"

#include <string>

#include "tensors.h"

namespace learn_rt::serve {
namespace {

void write(const StageHistogram& stage, inference::StatisticDuration* duration) {
  duration->set_count(stage.n());
  duration->set_ns(stage.sum_ns());
}

}  // namespace

void describe(const ModelHost& host, const std::vector<std::int64_t>& versions,
              inference::ModelMetadataResponse* metadata) {
  metadata->set_name(host.name());
  for (const std::int64_t version : versions) metadata->add_versions(std::to_string(version));
  metadata->set_platform("learn_rt_" + host.model().backend());
  for (const TensorShape& shape : whole_inputs(host.spec())) {
    auto* input = metadata->add_inputs();
    input->set_name(shape.name);
    input->set_datatype("FP32");
    input->add_shape(-1);
    for (const std::int64_t size : shape.item) input->add_shape(size);
  }
  auto* output = metadata->add_outputs();
  output->set_name(kOutput);
  output->set_datatype("FP32");
  output->add_shape(-1);
  for (const std::int64_t size : whole_answer(host.spec())) output->add_shape(size);
  auto& properties = *metadata->mutable_properties();
  properties["contract_hash"] = host.spec().contract_hash;
  properties["spec"] = host.spec().json;
}

void describe(const ModelHost& host, inference::ModelConfig* config) {
  config->set_name(host.name());
  config->set_backend("learn_rt_" + host.model().backend());
  config->set_max_batch_size(static_cast<int>(kMaxBatch));
  for (const TensorShape& shape : whole_inputs(host.spec())) {
    auto* input = config->add_input();
    input->set_name(shape.name);
    input->set_data_type(inference::TYPE_FP32);
    for (const std::int64_t size : shape.item) input->add_dims(size);
  }
  auto* output = config->add_output();
  output->set_name(kOutput);
  output->set_data_type(inference::TYPE_FP32);
  for (const std::int64_t size : whole_answer(host.spec())) output->add_dims(size);
}

void describe(ModelHost& host, inference::ModelStatistics* statistics) {
  const Counters& counters = host.counters();
  statistics->set_name(host.name());
  statistics->set_version(std::to_string(host.version()));
  statistics->set_last_inference(static_cast<std::uint64_t>(counters.last_ms.load()));
  statistics->set_inference_count(counters.answers.load());
  statistics->set_execution_count(counters.requests.load());
  auto* stats = statistics->mutable_inference_stats();
  const Stages& stages = counters.stages;
  write(stages.compute, stats->mutable_success());
  write(stages.receive, stats->mutable_compute_input());
  write(stages.compute, stats->mutable_compute_infer());
  write(stages.send, stats->mutable_compute_output());
  stats->mutable_fail()->set_count(counters.failures.total());
}

}  // namespace learn_rt::serve
