#pragma once

namespace learn_rt::serve {

// Sends gRPC's errors to stderr as one line each, "learn-serve: grpc: ...", and drops what is below an error
// and what protobuf says.
void tame_grpc_log();

// While it lives, gRPC's errors are dropped: the caller asks for the cause itself. Any thread's; nests.
class QuietGrpc {
 public:
  QuietGrpc();
  ~QuietGrpc();
  QuietGrpc(const QuietGrpc&) = delete;
  QuietGrpc& operator=(const QuietGrpc&) = delete;
};

}  // namespace learn_rt::serve
