#include "program.h"

#include <algorithm>
#include <stdexcept>

namespace learn_rt {
namespace {

ValueId find(const std::vector<Port>& ports, const std::string& name, const char* what) {
  for (const Port& port : ports) {
    if (port.name == name) return port.value;
  }
  throw std::runtime_error(std::string("the graph has no ") + what + " \"" + name + '"');
}

std::int64_t apply(Binary kind, std::int64_t a, std::int64_t b) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 40;
  if (kind == kMin) return std::min(a, b);
  if (kind == kMax) return std::max(a, b);
  if (kind == kEqual) return a == b ? 1 : 0;
  if (kind == kGreater) return a > b ? 1 : 0;
  if (kind == kGreaterOrEqual) return a >= b ? 1 : 0;
  if (kind == kAnd) return a != 0 && b != 0 ? 1 : 0;
  if (kind == kOr) return a != 0 || b != 0 ? 1 : 0;
  if (kind == kPow) throw std::runtime_error("a power of whole numbers is not supported");
  if (std::abs(a / 2) > kLimit || std::abs(b / 2) > kLimit) throw std::runtime_error("a whole number is too large");
  switch (kind) {
    case kAdd:
      return a + b;
    case kSub:
      return a - b;
    case kMul:
      if (b != 0 && std::abs(a) > kLimit / std::abs(b)) throw std::runtime_error("a whole number is too large");
      return a * b;
    default:
      if (b == 0) throw std::runtime_error("a division by zero");
      return a / b;
  }
}

}  // namespace

ValueId Program::input(const std::string& name) const { return find(inputs, name, "input"); }
ValueId Program::output(const std::string& name) const { return find(outputs, name, "output"); }

void ProgramBuilder::require_float(ValueId id) const {
  if (whole(id)) throw std::runtime_error("whole numbers where floats are expected");
}

void ProgramBuilder::hold(std::size_t elements) {
  if (elements > limits_.elements - total_) throw std::runtime_error("the graph needs too much memory");
  total_ += elements;
}

std::size_t ProgramBuilder::room(const Shape& shape) const {
  const std::size_t elements = count(shape);
  if (elements > limits_.elements - total_) throw std::runtime_error("the graph needs too much memory");
  return elements;
}

void ProgramBuilder::multiply(std::size_t a, std::size_t b, std::size_t c) {
  const std::size_t rest = limits_.multiplications - products_;
  if (a != 0 && b != 0 && c != 0 && (a > rest || b > rest / a || c > rest / a / b)) {
    throw std::runtime_error("the graph needs more than " + std::to_string(limits_.multiplications) +
                             " multiplications");
  }
  products_ += a * b * c;
}

ValueId ProgramBuilder::add_value(Value value) {
  value.size = count(value.shape);
  // An empty list of whole numbers has a meaning; [0, 2^60] would have loops over its other dimensions.
  if (value.size == 0 && value.shape.size() > 1) throw std::runtime_error("an empty tensor");
  hold(value.size);
  program_.values.push_back(std::move(value));
  return program_.values.size() - 1;
}

ValueId ProgramBuilder::add_input(const std::string& name, const Shape& shape) {
  program_.buffers.push_back(count(shape));
  const ValueId id = add_value({shape, 0, nullptr, program_.buffers.size() - 1, 0});
  program_.inputs.push_back({name, id});
  return id;
}

void ProgramBuilder::add_output(const std::string& name, ValueId value) {
  if (whole(value)) {
    throw std::runtime_error("the graph output \"" + name + "\" holds whole numbers: end it with a Cast to float");
  }
  program_.outputs.push_back({name, value});
}

ValueId ProgramBuilder::constant(Tensor tensor) {
  const Shape shape = tensor.shape;
  if ((tensor.is_float ? tensor.floats.size() : tensor.ints.size()) != count(shape)) {
    throw std::runtime_error("a constant without the elements of its shape");
  }
  return add_value({shape, 0, std::make_shared<const Tensor>(std::move(tensor)), 0, 0});
}

ValueId ProgramBuilder::integers(std::vector<std::int64_t> values) {
  const auto n = static_cast<std::int64_t>(values.size());
  return constant({{n}, false, {}, std::move(values)});
}

ValueId ProgramBuilder::reshape(ValueId id, const Shape& shape) {
  Value value = program_.values[id];
  if (count(shape) != value.size) {
    throw std::runtime_error("shape " + to_string(value.shape) + " cannot become " + to_string(shape));
  }
  value.shape = shape;
  if (value.constant) {
    Tensor tensor = *value.constant;
    tensor.shape = shape;
    return constant(std::move(tensor));
  }
  return add_value(std::move(value));
}

ValueId ProgramBuilder::as_float(ValueId id) {
  if (!whole(id)) return id;
  Value value = program_.values[id];
  if (value.constant) {
    return constant({value.shape, true, {value.constant->ints.begin(), value.constant->ints.end()}, {}});
  }
  value.whole = false;
  return add_value(std::move(value));
}

ValueId ProgramBuilder::as_whole(ValueId id) {
  if (whole(id)) return id;
  Value value = program_.values[id];
  if (value.constant) {
    return constant({value.shape, false, {}, {value.constant->floats.begin(), value.constant->floats.end()}});
  }
  value.whole = true;
  return add_value(std::move(value));
}

ValueId ProgramBuilder::gather_whole(const std::vector<ValueId>& inputs, const Shape& shape,
                                     const std::vector<std::size_t>& from) {
  bool all_known = true;
  for (const ValueId id : inputs) {
    if (!whole(id)) throw std::runtime_error("whole numbers joined with floats");
    all_known = all_known && known(id) != nullptr;
  }
  if (!all_known) {
    std::vector<ValueId> floats;
    for (const ValueId id : inputs) floats.push_back(as_float(id));
    return as_whole(gather(floats, shape, from));
  }
  std::vector<std::int64_t> joined;
  for (const ValueId id : inputs) {
    multiply(1, 1, size(id));
    joined.insert(joined.end(), known(id)->ints.begin(), known(id)->ints.end());
  }
  Tensor tensor{shape, false, {}, {}};
  for (const std::size_t element : from) {
    if (element >= joined.size()) throw std::runtime_error("an index outside its tensor");
    tensor.ints.push_back(joined[element]);
  }
  return constant(std::move(tensor));
}

ValueId ProgramBuilder::gather(const std::vector<ValueId>& inputs, const Shape& shape,
                               const std::vector<std::size_t>& from) {
  if (from.size() != count(shape)) throw std::runtime_error("a shape that does not fit its elements");
  bool all_known = true;
  for (const ValueId id : inputs) {
    if (whole(id)) return gather_whole(inputs, shape, from);
    all_known = all_known && known(id) != nullptr;
  }

  std::vector<std::size_t> starts;  // of each input in the row of all
  std::size_t end = 0;
  for (const ValueId id : inputs) {
    starts.push_back(end);
    end += size(id);
  }
  std::vector<CopyOperation::Segment> segments;
  for (std::size_t to = 0; to < from.size(); ++to) {
    if (from[to] >= end) throw std::runtime_error("an index outside its tensor");
    const auto input =
        static_cast<std::size_t>(std::upper_bound(starts.begin(), starts.end(), from[to]) - starts.begin() - 1);
    const std::size_t at = from[to] - starts[input];
    if (!segments.empty() && segments.back().input == input && segments.back().from + segments.back().count == at) {
      ++segments.back().count;
    } else {
      segments.push_back({input, at, to, 1});
    }
  }
  if (segments.size() == 1 && !all_known) {  // one piece: a view
    Value value = program_.values[inputs[segments[0].input]];
    if (!value.constant) {
      value.shape = shape;
      value.offset += segments[0].from;
      return add_value(std::move(value));
    }
  }
  if (!all_known) hold(segments.size() * sizeof(CopyOperation::Segment) / sizeof(float));
  return emit(std::make_shared<CopyOperation>(std::move(segments)), inputs, shape);
}

ValueId ProgramBuilder::broadcast(ValueId id, const Shape& to) {
  if (shape(id) == to) return id;
  room(to);
  return gather({id}, to, broadcast_map(shape(id), to));
}

ValueId ProgramBuilder::unary(Unary kind, ValueId x, float alpha, float beta) {
  const Shape result = shape(x);
  return emit(std::make_shared<UnaryOperation>(kind, size(x), alpha, beta), {x}, result);
}

ValueId ProgramBuilder::integer_binary(Binary kind, const Tensor& a, const Tensor& b) {
  Tensor result{broadcast_shape(a.shape, b.shape), false, {}, {}};
  room(result.shape);
  const auto from_a = broadcast_map(a.shape, result.shape), from_b = broadcast_map(b.shape, result.shape);
  for (std::size_t i = 0; i < from_a.size(); ++i) {
    result.ints.push_back(apply(kind, a.ints[from_a[i]], b.ints[from_b[i]]));
  }
  return constant(std::move(result));
}

ValueId ProgramBuilder::binary(Binary kind, ValueId a, ValueId b) {
  if (known(a) != nullptr && known(b) != nullptr && !known(a)->is_float && !known(b)->is_float) {
    return integer_binary(kind, *known(a), *known(b));
  }
  const Shape result = broadcast_shape(shape(a), shape(b));
  const std::size_t n = room(result);
  if (size(a) != 1 && size(a) != n) a = broadcast(a, result);
  if (size(b) != 1 && size(b) != n) b = broadcast(b, result);
  return emit(std::make_shared<BinaryOperation>(kind, size(a), size(b)), {a, b}, result);
}

ValueId ProgramBuilder::emit(std::shared_ptr<const Operation> operation, std::vector<ValueId> in,
                             const Shape& shape_of_result) {
  return emit(std::move(operation), std::move(in), std::vector<Shape>{shape_of_result})[0];
}

std::vector<ValueId> ProgramBuilder::emit(std::shared_ptr<const Operation> operation, std::vector<ValueId> in,
                                          const std::vector<Shape>& shapes) {
  bool all_known = true;
  for (const ValueId id : in) {
    require_float(id);
    if (size(id) == 0) throw std::runtime_error("an empty tensor");
    all_known = all_known && known(id) != nullptr;
    multiply(1, 1, size(id));
  }
  for (const Shape& result : shapes) {
    if (count(result) == 0) throw std::runtime_error("an empty tensor");
  }
  std::vector<ValueId> out;
  if (all_known) {
    std::vector<Tensor> tensors;
    std::vector<Source> sources;
    std::vector<Result> results;
    for (const ValueId id : in) sources.push_back({known(id)->floats.data(), 0});
    for (const Shape& result : shapes) tensors.push_back({result, true, std::vector<float>(count(result)), {}});
    for (Tensor& tensor : tensors) results.push_back({tensor.floats.data(), 0});
    operation->run(sources.data(), results.data(), 0, 1);
    for (Tensor& tensor : tensors) out.push_back(constant(std::move(tensor)));
    return out;
  }
  for (const Shape& result : shapes) {
    program_.buffers.push_back(count(result));
    out.push_back(add_value({result, 0, nullptr, program_.buffers.size() - 1, 0}));
  }
  program_.instructions.push_back({std::move(operation), std::move(in), out});
  return out;
}

}  // namespace learn_rt
