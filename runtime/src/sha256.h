#pragma once

#include <string>
#include <string_view>

namespace learn_rt {

// The SHA-256 of `bytes` (FIPS 180-4), 64 lower-case hexadecimal digits. `plain`: not by instructions that the
// processor may have for it.
std::string sha256(std::string_view bytes, bool plain = false);

}  // namespace learn_rt
