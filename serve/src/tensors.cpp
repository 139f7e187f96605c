#include "tensors.h"

#include "status.h"

namespace learn_rt::serve {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw contents are little-endian: they are used in place");

std::string text(const std::vector<std::int64_t>& item) {
  std::string line = "[batch";
  for (const std::int64_t size : item) line += ", " + std::to_string(size);
  return line + "]";
}

template <class Shape>
std::string came(const Shape& shape) {
  std::string line;
  for (int i = 0; i < shape.size() && i < 8; ++i) line += (i == 0 ? "" : ", ") + std::to_string(shape.Get(i));
  return "[" + line + (shape.size() > 8 ? ", ...]" : "]");
}

// Reads the batch off a shape [batch, *item].
grpc::Status read_shape(const inference::ModelInferRequest::InferInputTensor& tensor,
                        const std::vector<std::int64_t>& item, std::size_t max_batch, std::size_t* batch) {
  bool matches = tensor.shape_size() == static_cast<int>(item.size()) + 1;
  for (std::size_t i = 0; matches && i < item.size(); ++i) matches = tensor.shape(static_cast<int>(i) + 1) == item[i];
  if (!matches) {
    return invalid("input '" + std::string(kInput) + "' must have shape " + text(item) + ", got " +
                   came(tensor.shape()));
  }
  if (tensor.shape(0) < 1 || static_cast<std::uint64_t>(tensor.shape(0)) > max_batch) {
    return invalid("input '" + std::string(kInput) + "' must have a batch of 1 to " + std::to_string(max_batch) +
                   ", got " + std::to_string(tensor.shape(0)));
  }
  *batch = static_cast<std::size_t>(tensor.shape(0));
  return grpc::Status::OK;
}

grpc::Status check_outputs(const inference::ModelInferRequest& request) {
  if (request.outputs_size() > 1) return invalid("there is one output to ask for, '" + std::string(kOutput) + "'");
  for (const auto& output : request.outputs()) {
    if (output.name() != kOutput) {
      return invalid("no output named '" + output.name() + "': the model's is '" + kOutput + "'");
    }
    if (output.parameters_size() != 0) {
      return invalid("output parameter '" + output.parameters().begin()->first + "' is not supported");
    }
  }
  return grpc::Status::OK;
}

bool only_fp32(const inference::InferTensorContents& c) {
  return c.bool_contents_size() + c.int_contents_size() + c.int64_contents_size() + c.uint_contents_size() +
             c.uint64_contents_size() + c.fp64_contents_size() + c.bytes_contents_size() ==
         0;
}

}  // namespace

std::vector<std::int64_t> window_shape(const Spec& spec) {
  const auto n_features = static_cast<std::int64_t>(spec.n_features());
  if (spec.kind == Kind::kPointwise) return {n_features};
  return {static_cast<std::int64_t>(spec.window), n_features};
}

grpc::Status read_input(const inference::ModelInferRequest& request, const std::vector<std::int64_t>& item,
                        std::size_t max_batch, InputView* view) {
  if (request.inputs_size() != 1 || request.inputs(0).name() != kInput) {
    return invalid("a request must hold one input named '" + std::string(kInput) + "', got " +
                   std::to_string(request.inputs_size()) +
                   (request.inputs_size() == 0 ? "" : ", the first named '" + request.inputs(0).name() + "'"));
  }
  const auto& tensor = request.inputs(0);
  if (tensor.datatype() != "FP32") {
    return invalid("input '" + tensor.name() + "' must have datatype FP32, got '" + tensor.datatype() + "'");
  }
  if (tensor.parameters_size() != 0) {
    return invalid("input parameter '" + tensor.parameters().begin()->first + "' is not supported");
  }
  if (const grpc::Status status = read_shape(tensor, item, max_batch, &view->batch); !status.ok()) return status;
  std::size_t size = view->batch;  // at most max_batch * MAX_WINDOW * MAX_SIGNALS elements: no overflow in 64 bits
  for (const std::int64_t n : item) size *= static_cast<std::size_t>(n);

  view->raw = request.raw_input_contents_size() != 0;
  std::size_t values = 0;
  if (view->raw) {
    if (request.raw_input_contents_size() != 1) {
      return invalid("raw_input_contents must hold one entry for one input, got " +
                     std::to_string(request.raw_input_contents_size()));
    }
    if (tensor.has_contents()) return invalid("with raw_input_contents no input may have `contents`");
    const std::string& raw = request.raw_input_contents(0);
    if (raw.size() != size * sizeof(float)) {
      return invalid("input '" + tensor.name() + "' of shape " + came(tensor.shape()) + " must have " +
                     std::to_string(size * sizeof(float)) + " raw bytes, got " + std::to_string(raw.size()));
    }
    view->data = reinterpret_cast<const float*>(raw.data());  // a string's storage is aligned for any scalar
    values = size;
  } else {
    const auto& contents = tensor.contents();
    if (!only_fp32(contents)) return invalid("the contents of an FP32 input belong in fp32_contents, and only there");
    values = static_cast<std::size_t>(contents.fp32_contents_size());
    view->data = contents.fp32_contents().data();
  }
  if (values != size) {
    return invalid("input '" + tensor.name() + "' of shape " + came(tensor.shape()) + " must have " +
                   std::to_string(size) + " values in fp32_contents, got " + std::to_string(values));
  }
  return check_outputs(request);
}

float* add_output(std::size_t batch, std::size_t n_outputs, bool raw, inference::ModelInferResponse* response) {
  auto* output = response->add_outputs();
  output->set_name(kOutput);
  output->set_datatype("FP32");
  output->add_shape(static_cast<std::int64_t>(batch));
  output->add_shape(static_cast<std::int64_t>(n_outputs));
  if (raw) {
    std::string* bytes = response->add_raw_output_contents();
    bytes->resize(batch * n_outputs * sizeof(float));
    return reinterpret_cast<float*>(bytes->data());
  }
  auto* values = output->mutable_contents()->mutable_fp32_contents();
  values->Resize(static_cast<int>(batch * n_outputs), 0.0F);
  return values->mutable_data();
}

}  // namespace learn_rt::serve
