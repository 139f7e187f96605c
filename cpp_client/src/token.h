#pragma once

#include <string>

#include "learn_rt/security.h"

namespace learn_rt::client {

// The file's bytes. Throws std::runtime_error that names the option.
std::string read_file(const std::string& path, const char* option);

// What a call carries as `authorization`, or empty: "Bearer TOKEN". Reads the token's file. Throws std::runtime_error:
// it cannot be read, or no header can hold the token.
std::string authorization_of(const ClientSecurity& security);

}  // namespace learn_rt::client
