#include "frame.h"

#include <cstdint>
#include <stdexcept>

namespace learn_rt {
namespace {

constexpr std::size_t kMaxFloats = std::size_t{1} << 28;
constexpr std::size_t kLine = 16;  // floats of a cache line

}  // namespace

Frame::Frame(const Program& program, const std::vector<std::size_t>& rows) : program_(program) {
  std::vector<std::size_t> starts;
  std::size_t total = 0;
  for (std::size_t b = 0; b < program.buffers.size(); ++b) {
    starts.push_back(total);
    if (rows[b] > kMaxFloats || program.buffers[b] * rows[b] > kMaxFloats - total) {
      throw std::runtime_error("a session would need more than 1 GiB");
    }
    total += (program.buffers[b] * rows[b] + kLine - 1) / kLine * kLine;
  }
  memory_.assign(total + kLine, 0.0F);
  auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
  float* base = memory_.data() + (kLine - address / sizeof(float) % kLine) % kLine;
  for (std::size_t b = 0; b < starts.size(); ++b) {
    buffers_.push_back({base + starts[b], rows[b] == 1 ? 0 : program.buffers[b]});
  }
  for (const Instruction& instruction : program.instructions) {
    bound_.push_back({instruction.operation.get(), sources_.size(), results_.size()});
    for (const ValueId id : instruction.in) sources_.push_back(read(id));
    for (const ValueId id : instruction.out) results_.push_back(at(id));
  }
}

Result Frame::at(ValueId id) LEARN_RT_REALTIME {
  const Value& value = program_.values[id];
  const Result& buffer = buffers_[value.buffer];
  return {buffer.data + value.offset, buffer.stride};
}

Source Frame::read(ValueId id) const LEARN_RT_REALTIME {
  const Value& value = program_.values[id];
  if (value.constant) return {value.constant->floats.data(), 0};
  const Result& buffer = buffers_[value.buffer];
  return {buffer.data + value.offset, buffer.stride};
}

}  // namespace learn_rt
