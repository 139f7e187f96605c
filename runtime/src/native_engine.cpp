#include "native_engine.h"

#include <stdexcept>

namespace learn_rt {

std::unique_ptr<Engine> load_native(const ModelFolder&) { throw std::runtime_error("not built yet"); }

}  // namespace learn_rt
