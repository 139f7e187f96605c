#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "learn_rt/realtime.h"
#include "model_folder.h"

namespace learn_rt {

// How a session's state lies in bytes, little-endian and without gaps:
//   identity    64 characters: of the model's files and its backend
//   taken       u64: samples since the stream was forgotten, up to what warms it up
//   last        n_features floats: the last sample taken
//   limiters    last and step, doubles, of each output that has an envelope
//   states      floats, as the spec lists them
constexpr std::size_t kIdentity = 64;
constexpr std::size_t kStateHead = kIdentity + sizeof(std::uint64_t);
constexpr std::size_t kLimiterState = 2 * sizeof(double);

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they lie in memory");

// What a state belongs to: spec.json and step.onnx, to the byte, the backend, and the layout above.
std::string state_identity(const ModelFolder& folder, const std::string& backend);

class StateWriter {
 public:
  explicit StateWriter(char* to) LEARN_RT_REALTIME : to_(to) {}
  void put(const void* from, std::size_t size) LEARN_RT_REALTIME {
    std::memcpy(to_, from, size);
    to_ += size;
  }
  template <typename Number>
  void put(Number number) LEARN_RT_REALTIME {
    put(&number, sizeof number);
  }
  char* at() const LEARN_RT_REALTIME { return to_; }

 private:
  char* to_;
};

// Of bytes whose number was checked.
class StateReader {
 public:
  explicit StateReader(const char* from) : from_(from) {}
  const char* take(std::size_t size) {
    const char* taken = from_;
    from_ += size;
    return taken;
  }
  template <typename Number>
  Number get() {
    Number number{};
    std::memcpy(&number, take(sizeof number), sizeof number);
    return number;
  }

 private:
  const char* from_;
};

}  // namespace learn_rt
