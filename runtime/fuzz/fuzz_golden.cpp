// Any bytes as a golden.npz.

#include <cstdint>
#include <stdexcept>
#include <string>

#include "npz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);  // the arrays are views of it
  const auto attempt = [](const auto& take) {
    try {
      take();
    } catch (const std::runtime_error&) {
      // Refused, as most are.
    }
  };
  attempt([&] {
    const auto arrays = learn_rt::read_npz(bytes);
    for (const auto& item : arrays) {
      attempt([&] { item.second.floats(); });
      attempt([&] { item.second.doubles(); });
    }
  });
  return 0;
}
