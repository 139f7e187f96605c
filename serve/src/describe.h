#pragma once

#include <cstdint>
#include <vector>

#include "inference.pb.h"
#include "model_host.h"

namespace learn_rt::serve {

// What the Open Inference Protocol tells about a served model, taken from its spec.

void describe(const ModelHost& host, const std::vector<std::int64_t>& versions,
              inference::ModelMetadataResponse* metadata);
void describe(const ModelHost& host, inference::ModelConfig* config);
void describe(ModelHost& host, inference::ModelStatistics* statistics);

}  // namespace learn_rt::serve
