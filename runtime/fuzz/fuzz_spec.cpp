// Any bytes as a spec.json.

#include <cstdint>
#include <stdexcept>

#include "learn_rt/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    learn_rt::Spec::parse(std::string(reinterpret_cast<const char*>(data), size));
  } catch (const std::runtime_error&) {
    // Refused, as most are.
  }
  return 0;
}
