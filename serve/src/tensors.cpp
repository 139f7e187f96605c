#include "tensors.h"

#include "status.h"

namespace learn_rt::serve {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "raw contents are little-endian: they are used in place");

std::string text(const Shape& item) {
  std::string line = "[batch";
  for (const std::int64_t size : item) line += ", " + std::to_string(size);
  return line + "]";
}

template <class Sizes>
std::string came(const Sizes& shape) {
  std::string line;
  for (int i = 0; i < shape.size() && i < 8; ++i) line += (i == 0 ? "" : ", ") + std::to_string(shape.Get(i));
  return "[" + line + (shape.size() > 8 ? ", ...]" : "]");
}

// Reads the batch off a shape [batch, *item].
grpc::Status read_shape(const inference::ModelInferRequest::InferInputTensor& tensor, const Shape& item,
                        std::size_t max_batch, std::size_t* batch) {
  bool matches = tensor.shape_size() == static_cast<int>(item.size()) + 1;
  for (std::size_t i = 0; matches && i < item.size(); ++i) matches = tensor.shape(static_cast<int>(i) + 1) == item[i];
  if (!matches) {
    return invalid("input " + in_quotes(tensor.name()) + " must have shape " + text(item) + ", got " +
                   came(tensor.shape()));
  }
  if (tensor.shape(0) < 1 || static_cast<std::uint64_t>(tensor.shape(0)) > max_batch) {
    return invalid("input " + in_quotes(tensor.name()) + " must have a batch of 1 to " + std::to_string(max_batch) +
                   ", got " + std::to_string(tensor.shape(0)));
  }
  *batch = static_cast<std::size_t>(tensor.shape(0));
  return grpc::Status::OK;
}

grpc::Status check_outputs(const inference::ModelInferRequest& request) {
  if (request.outputs_size() > 1) return invalid("there is one output to ask for, '" + std::string(kOutput) + "'");
  for (const auto& output : request.outputs()) {
    if (output.name() != kOutput) {
      return invalid("no output named " + in_quotes(output.name()) + ": the model's is '" + kOutput + "'");
    }
    if (output.parameters_size() != 0) {
      return invalid("output parameter " + in_quotes(output.parameters().begin()->first) + " is not supported");
    }
  }
  return grpc::Status::OK;
}

bool only_fp32(const inference::InferTensorContents& c) {
  return c.bool_contents_size() + c.int_contents_size() + c.int64_contents_size() + c.uint_contents_size() +
             c.uint64_contents_size() + c.fp64_contents_size() + c.bytes_contents_size() ==
         0;
}

using Tensor = inference::ModelInferRequest::InferInputTensor;

// The values of a tensor whose shape is read, in `fp32_contents`.
grpc::Status read_contents(const Tensor& tensor, std::size_t size, const float** data) {
  const auto& contents = tensor.contents();
  if (!only_fp32(contents)) return invalid("the contents of an FP32 input belong in fp32_contents, and only there");
  const auto values = static_cast<std::size_t>(contents.fp32_contents_size());
  if (values != size) {
    return invalid("input " + in_quotes(tensor.name()) + " of shape " + came(tensor.shape()) + " must have " +
                   std::to_string(size) + " values in fp32_contents, got " + std::to_string(values));
  }
  *data = contents.fp32_contents().data();
  return grpc::Status::OK;
}

grpc::Status read_raw(const Tensor& tensor, const std::string& raw, std::size_t size, const float** data) {
  if (tensor.has_contents()) return invalid("with raw_input_contents no input may have `contents`");
  if (raw.size() != size * sizeof(float)) {
    return invalid("input " + in_quotes(tensor.name()) + " of shape " + came(tensor.shape()) + " must have " +
                   std::to_string(size * sizeof(float)) + " raw bytes, got " + std::to_string(raw.size()));
  }
  *data = reinterpret_cast<const float*>(raw.data());  // a string's storage is aligned for any scalar
  return grpc::Status::OK;
}

std::string wanted(const std::vector<TensorShape>& shapes) {
  if (shapes.size() == 1) return "one input named '" + shapes[0].name + "'";
  return "two inputs named '" + shapes[0].name + "' and '" + shapes[1].name + "'";
}

grpc::Status read_one(const inference::ModelInferRequest& request, const TensorShape& shape, std::size_t max_batch,
                      InputView* view) {
  int at = 0;
  while (at < request.inputs_size() && request.inputs(at).name() != shape.name) ++at;
  if (at == request.inputs_size()) {
    return invalid("input '" + shape.name + "' is missing, got " + in_quotes(request.inputs(0).name()));
  }
  const Tensor& tensor = request.inputs(at);
  if (tensor.datatype() != "FP32") {
    return invalid("input " + in_quotes(tensor.name()) + " must have datatype FP32, got " +
                   in_quotes(tensor.datatype()));
  }
  if (tensor.parameters_size() != 0) {
    return invalid("input parameter " + in_quotes(tensor.parameters().begin()->first) + " is not supported");
  }
  std::size_t batch = 0;
  if (const grpc::Status status = read_shape(tensor, shape.item, max_batch, &batch); !status.ok()) return status;
  if (!view->data.empty() && batch != view->batch) {
    return invalid("all inputs must have one batch, got " + std::to_string(view->batch) + " and " +
                   std::to_string(batch));
  }
  view->batch = batch;
  std::size_t size = batch;  // at most max_batch * MAX_WINDOW * MAX_SIGNALS elements: no overflow in 64 bits
  for (const std::int64_t n : shape.item) size *= static_cast<std::size_t>(n);
  return view->raw ? read_raw(tensor, request.raw_input_contents(at), size, &view->data.emplace_back())
                   : read_contents(tensor, size, &view->data.emplace_back());
}

}  // namespace

std::vector<TensorShape> whole_inputs(const Spec& spec) {
  const auto window = static_cast<std::int64_t>(spec.window), n_features = static_cast<std::int64_t>(spec.n_features());
  if (spec.kind == Kind::kPointwise) return {{kInput, {n_features}}};
  if (spec.kind != Kind::kRollout) return {{kInput, {window, n_features}}};
  const auto horizon = static_cast<std::int64_t>(spec.horizon), n_actions = static_cast<std::int64_t>(spec.n_actions());
  return {{kInput, {window, n_features}}, {kActions, {horizon, n_actions}}};
}

Shape whole_answer(const Spec& spec) {
  const auto n_outputs = static_cast<std::int64_t>(spec.n_outputs());
  if (spec.kind == Kind::kRollout) return {static_cast<std::int64_t>(spec.horizon), n_outputs};
  return {n_outputs};
}

grpc::Status read_inputs(const inference::ModelInferRequest& request, const std::vector<TensorShape>& shapes,
                         std::size_t max_batch, InputView* view) {
  const auto n = static_cast<int>(shapes.size());
  if (request.inputs_size() != n || (n == 1 && request.inputs(0).name() != shapes[0].name)) {
    return invalid("a request must hold " + wanted(shapes) + ", got " + std::to_string(request.inputs_size()) +
                   (request.inputs_size() == 0 ? "" : ", the first named " + in_quotes(request.inputs(0).name())));
  }
  view->raw = request.raw_input_contents_size() != 0;
  if (view->raw && request.raw_input_contents_size() != n) {
    return invalid("raw_input_contents must hold one entry for one input, got " +
                   std::to_string(request.raw_input_contents_size()));
  }
  for (const TensorShape& shape : shapes) {
    if (const grpc::Status read = read_one(request, shape, max_batch, view); !read.ok()) return read;
  }
  return check_outputs(request);
}

float* add_output(std::size_t batch, const Shape& item, bool raw, inference::ModelInferResponse* response) {
  auto* output = response->add_outputs();
  output->set_name(kOutput);
  output->set_datatype("FP32");
  output->add_shape(static_cast<std::int64_t>(batch));
  std::size_t size = batch;
  for (const std::int64_t n : item) {
    output->add_shape(n);
    size *= static_cast<std::size_t>(n);
  }
  if (raw) {
    std::string* bytes = response->add_raw_output_contents();
    bytes->resize(size * sizeof(float));
    return reinterpret_cast<float*>(bytes->data());
  }
  auto* values = output->mutable_contents()->mutable_fp32_contents();
  values->Resize(static_cast<int>(size), 0.0F);
  return values->mutable_data();
}

}  // namespace learn_rt::serve
