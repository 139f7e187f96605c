#include "grpc_log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include <atomic>
#include <cstdio>

namespace learn_rt::serve {
namespace {

std::atomic<int> quiet{0};

void log(gpr_log_func_args* line) {
  if (line->severity == GPR_LOG_SEVERITY_ERROR && quiet.load() == 0) {
    std::fprintf(stderr, "learn-serve: grpc: %s\n", line->message);
  }
}

}  // namespace

void tame_grpc_log() {
  gpr_set_log_function(log);
  google::protobuf::SetLogHandler(nullptr);  // a line a garbled message: its sender is told
}

QuietGrpc::QuietGrpc() { ++quiet; }
QuietGrpc::~QuietGrpc() { --quiet; }

}  // namespace learn_rt::serve
