#include <gtest/gtest.h>

#include <stdexcept>

#include "address.h"

namespace learn_rt::serve {
namespace {

TEST(Address, ReadsBothForms) {
  const auto local = ListenAddress::parse("unix:/tmp/learn.sock");
  EXPECT_TRUE(local.is_unix());
  EXPECT_EQ(local.grpc_target(), "unix:/tmp/learn.sock");
  EXPECT_EQ(local.bound(1), "unix:/tmp/learn.sock");
  const auto tcp = ListenAddress::parse("grpc://[::1]:0");
  EXPECT_FALSE(tcp.is_unix());
  EXPECT_EQ(tcp.grpc_target(), "[::1]:0");
  EXPECT_EQ(tcp.bound(4711), "grpc://[::1]:4711");
  EXPECT_FALSE(tcp.tls);
  const auto tls = ListenAddress::parse("grpcs://robot:443");
  EXPECT_TRUE(tls.tls);
  EXPECT_EQ(tls.grpc_target(), "robot:443");
  EXPECT_EQ(tls.bound(443), "grpcs://robot:443");
}

class AddressRefuses : public ::testing::TestWithParam<std::string> {};

TEST_P(AddressRefuses, WhatIsNoAddress) { EXPECT_THROW(ListenAddress::parse(GetParam()), std::invalid_argument); }

INSTANTIATE_TEST_SUITE_P(Each, AddressRefuses,
                         ::testing::Values("", "unix:", "/tmp/x.sock", "grpc://", "grpc://host", "grpc://:8001",
                                           "grpc://host:", "grpc://host:65536", "grpc://host:-1", "grpc://host:80a",
                                           "grpc://a/b:80", "grpcs://host", "grpcs://:1", "shm:", "shm:a/b", "shm:.a",
                                           "inproc:models", "unix:" + std::string(108, 'a')));

}  // namespace
}  // namespace learn_rt::serve
