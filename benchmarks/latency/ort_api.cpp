#include "ort_api.h"

#include <dlfcn.h>

#include <stdexcept>

namespace learn_rt::bench {
namespace {

struct OrtApiBase {
  void* const* (*get_api)(std::uint32_t version);
  const char* (*get_version_string)();
};

constexpr std::uint32_t kVersion = 17;  // every entry used here is older

}  // namespace

OrtApi::OrtApi(const std::string& library) {
  // Never closed: ONNX Runtime keeps threads and globals until the process ends.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) throw std::runtime_error(std::string("ONNX Runtime cannot be opened: ") + dlerror());
  const auto base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"));
  if (base == nullptr) throw std::runtime_error(library + " is not ONNX Runtime: it has no OrtGetApiBase");
  table_ = base()->get_api(kVersion);
  if (table_ == nullptr) throw std::runtime_error(library + ": too old, 1.17 is needed");
}

void OrtApi::check(void* status, const char* doing) const {
  if (status == nullptr) return;
  const std::string message = reinterpret_cast<const char* (*)(const void*)>(table_[kGetErrorMessage])(status);
  release(kReleaseStatus, status);
  throw std::runtime_error(std::string("ONNX Runtime, ") + doing + ": " + message);
}

}  // namespace learn_rt::bench
