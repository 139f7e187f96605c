#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broadcast.h"
#include "operation.h"

namespace learn_rt {

// A value of a program, its shape at batch 1. A constant holds its elements; another lies in a buffer, from `offset`
// on, so that a slice in one piece or a new shape costs nothing.
struct Value {
  Shape shape;
  std::size_t size = 0;
  std::shared_ptr<const Tensor> constant;
  std::size_t buffer = 0, offset = 0;
  bool whole = false;  // computed whole numbers, held as floats; a constant says it itself
};

using ValueId = std::size_t;

struct Instruction {
  std::shared_ptr<const Operation> operation;
  std::vector<ValueId> in, out;
};

struct Port {
  std::string name;
  ValueId value;
};

// A graph made ready to run: instructions in order over values in buffers. Immutable.
struct Program {
  std::vector<Value> values;
  std::vector<std::size_t> buffers;  // floats of one row
  std::vector<Instruction> instructions;
  std::vector<Port> inputs, outputs;

  // Throws std::runtime_error when there is none.
  ValueId input(const std::string& name) const;
  ValueId output(const std::string& name) const;
};

// What a graph may take, so that a small hostile file takes neither much memory nor much time.
struct Limits {
  std::size_t elements = 8 * kMaxElements;             // 512 MiB of floats
  std::size_t multiplications = std::size_t{1} << 32;  // a second of it: no model of a control loop
};

// Makes a program. What depends on constants only is computed at once and leaves no instruction.
class ProgramBuilder {
 public:
  explicit ProgramBuilder(Limits limits = {}) : limits_(limits) {}

  ValueId add_input(const std::string& name, const Shape& shape);
  void add_output(const std::string& name, ValueId value);

  ValueId constant(Tensor tensor);
  ValueId integers(std::vector<std::int64_t> values);

  const Shape& shape(ValueId id) const { return program_.values[id].shape; }
  std::size_t size(ValueId id) const { return program_.values[id].size; }
  // Null when it is computed.
  const Tensor* known(ValueId id) const { return program_.values[id].constant.get(); }
  // Whole numbers or truths, which arithmetic does not take.
  bool whole(ValueId id) const { return known(id) != nullptr ? !known(id)->is_float : program_.values[id].whole; }
  // The same numbers as the other type; floats that become whole numbers must be whole.
  ValueId as_float(ValueId id);
  ValueId as_whole(ValueId id);

  // Counts elements that an operation keeps to itself, such as weights, and what one run of it multiplies, before
  // either is spent. Throws std::runtime_error beyond the limits.
  void hold(std::size_t elements);
  void multiply(std::size_t a, std::size_t b, std::size_t c);

  // Elements of a shape that there is room for. Called before a list of them is made.
  std::size_t room(const Shape& shape) const;

  // The same elements under another shape.
  ValueId reshape(ValueId id, const Shape& shape);
  // Element i of the result is element from[i] of the inputs laid one after another. All of one element type.
  ValueId gather(const std::vector<ValueId>& inputs, const Shape& shape, const std::vector<std::size_t>& from);
  ValueId broadcast(ValueId id, const Shape& shape);
  ValueId unary(Unary kind, ValueId x, float alpha = 0, float beta = 0);
  // With the standard's broadcasting.
  ValueId binary(Binary kind, ValueId a, ValueId b);
  ValueId emit(std::shared_ptr<const Operation> operation, std::vector<ValueId> in, const Shape& shape);
  std::vector<ValueId> emit(std::shared_ptr<const Operation> operation, std::vector<ValueId> in,
                            const std::vector<Shape>& shapes);

  Program finish() { return std::move(program_); }

 private:
  ValueId add_value(Value value);
  ValueId integer_binary(Binary kind, const Tensor& a, const Tensor& b);
  ValueId gather_whole(const std::vector<ValueId>& inputs, const Shape& shape, const std::vector<std::size_t>& from);
  void require_float(ValueId id) const;

  Limits limits_;
  Program program_;
  std::size_t total_ = 0;     // elements held so far
  std::size_t products_ = 0;  // multiplications of one run so far
};

}  // namespace learn_rt
