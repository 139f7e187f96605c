#pragma once

#include <string>
#include <string_view>

namespace learn_rt {

// The SHA-256 of `bytes` (FIPS 180-4), 64 lower-case hexadecimal digits.
std::string sha256(std::string_view bytes);

}  // namespace learn_rt
