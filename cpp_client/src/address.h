#pragma once

#include <string>

namespace learn_rt::client {

enum class Scheme { kInproc, kUnix, kGrpc };

struct Address {
  Scheme scheme;
  std::string rest;  // a folder, a path, or HOST:PORT

  // Reads inproc:REPOSITORY, unix:PATH or grpc://HOST:PORT. Throws std::runtime_error.
  static Address parse(const std::string& text);
};

}  // namespace learn_rt::client
