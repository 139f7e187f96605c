#pragma once

#include <string>

namespace learn_rt::client {

enum class Scheme { kInproc, kUnix, kGrpc, kGrpcs, kShm };

struct Address {
  Scheme scheme;
  std::string rest;  // a folder, a path, HOST:PORT, or a name

  // Reads inproc:REPOSITORY, unix:PATH, grpc://HOST:PORT, grpcs://HOST:PORT or shm:NAME. Throws std::runtime_error.
  static Address parse(const std::string& text);
};

}  // namespace learn_rt::client
