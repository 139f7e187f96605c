#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ort_api.h"

namespace learn_rt::bench {

// A graph in ONNX Runtime, as a careful user would run it in a control loop: inputs and outputs live in buffers that
// are bound once.
class OrtGraph {
 public:
  // Throws std::runtime_error when the library or the graph cannot be loaded.
  OrtGraph(const std::string& library, const std::string& graph, int threads);
  ~OrtGraph();
  OrtGraph(const OrtGraph&) = delete;
  OrtGraph& operator=(const OrtGraph&) = delete;

  // A tensor that lies in `buffer`, which must not move. The graph releases it at its end.
  void* bind(std::vector<float>& buffer, const std::vector<std::int64_t>& shape);
  void run(const std::vector<const char*>& input_names, const std::vector<void*>& inputs,
           const std::vector<const char*>& output_names, std::vector<void*>& outputs);

  static std::size_t size_of(const std::vector<std::int64_t>& shape);

 private:
  OrtApi api_;
  std::vector<void*> values_;
  void *env_ = nullptr, *options_ = nullptr, *session_ = nullptr, *memory_ = nullptr;
};

}  // namespace learn_rt::bench
