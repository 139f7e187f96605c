#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "address.h"
#include "checks.h"
#include "learn_rt/client.h"

namespace learn_rt::client {
namespace {

TEST(Address, NamesTheTransportAndWhereToGo) {
  EXPECT_EQ(Address::parse("inproc:models").scheme, Scheme::kInproc);
  EXPECT_EQ(Address::parse("inproc:models").rest, "models");
  EXPECT_EQ(Address::parse("unix:/run/learn.sock").scheme, Scheme::kUnix);
  EXPECT_EQ(Address::parse("unix:/run/learn.sock").rest, "/run/learn.sock");
  EXPECT_EQ(Address::parse("grpc://localhost:8001").scheme, Scheme::kGrpc);
  EXPECT_EQ(Address::parse("grpc://[::1]:8001").rest, "[::1]:8001");
  EXPECT_EQ(Address::parse("grpcs://robot:8443").scheme, Scheme::kGrpcs);
  EXPECT_EQ(Address::parse("grpcs://robot:8443").rest, "robot:8443");
  EXPECT_EQ(Address::parse("shm:printer").scheme, Scheme::kShm);
  EXPECT_EQ(Address::parse("shm:printer").rest, "printer");
}

TEST(Address, IsRefusedWithTheGrammarWhenItIsAnythingElse) {
  for (const char* text : {"", "inproc:", "unix:", "grpc://", "grpc://host", "grpc://host:", "grpc://:8001",
                           "grpc://host:0", "grpc://host:65536", "grpc://host:80a1", "grpc://host:8001/path",
                           "grpc://a b:8001", "grpcs://host", "http://host:8001", "host:8001", "UNIX:/tmp/x", "shm:"}) {
    try {
      Address::parse(text);
      ADD_FAILURE() << text;
    } catch (const std::runtime_error& error) {
      EXPECT_NE(std::string(error.what()).find("inproc:REPOSITORY, unix:PATH, grpc://HOST:PORT"), std::string::npos);
    }
  }
}

TEST(Address, InProcessNothingSwapsVersionsAndAskingForItSaysSo) {
  ClientOptions options;
  options.swap = Swap::kNow;
  for (const std::vector<std::string>& failover : {std::vector<std::string>{}, {"inproc:models"}}) {
    options.failover = failover;
    const std::string error =
        error_of([&] { Client::connect(failover.empty() ? "inproc:models" : "unix:/nowhere", "any", options); });
    EXPECT_EQ(error.find("inproc:models: swap must be pinned"), 0U) << error;
  }
}

}  // namespace
}  // namespace learn_rt::client
