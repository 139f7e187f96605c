#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace learn_rt::bench {

// The few entries of ONNX Runtime's C interface that the baseline needs. The wheel brings the library but no header;
// the interface is one table of functions that only ever grows at its end, so an entry's place is for ever. Called from
// C++, ONNX Runtime shows its own time and not Python's.
class OrtApi {
 public:
  // Opens the library. Throws std::runtime_error when it is not there or too old.
  explicit OrtApi(const std::string& library);

  // Throws std::runtime_error with ONNX Runtime's message.
  void check(void* status, const char* doing) const;

  template <typename... Args>
  void call(std::size_t entry, const char* doing, Args... args) const {
    check(reinterpret_cast<void* (*)(Args...)>(table_[entry])(args...), doing);
  }
  void release(std::size_t entry, void* object) const noexcept {
    if (object != nullptr) reinterpret_cast<void (*)(void*)>(table_[entry])(object);
  }

  static constexpr std::size_t kGetErrorMessage = 2, kCreateEnv = 3, kCreateSession = 7, kRun = 9,
                               kCreateSessionOptions = 10, kSetIntraOpNumThreads = 24, kSetInterOpNumThreads = 25,
                               kCreateTensorWithData = 49, kCreateCpuMemoryInfo = 69, kReleaseEnv = 92,
                               kReleaseStatus = 93, kReleaseMemoryInfo = 94, kReleaseSession = 95, kReleaseValue = 96,
                               kReleaseSessionOptions = 100;

 private:
  void* const* table_ = nullptr;
};

}  // namespace learn_rt::bench
