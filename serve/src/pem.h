#pragma once

#include <string>

namespace learn_rt::serve {

// gRPC says little about a file that it cannot use. Each throws std::runtime_error: the file, and what is wrong.

std::string read_text(const std::string& path);
// A server's certificate, with what leads to its CA, and its private key: they belong together, and it is valid now.
void check_pair(const std::string& cert, const std::string& key);
// Certificates of authorities, at least one.
void check_authorities(const std::string& path);

}  // namespace learn_rt::serve
