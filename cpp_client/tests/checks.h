#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "learn_rt/client.h"
#include "pipeline.h"
#include "reference.h"

namespace learn_rt::client {

constexpr auto kAmple = std::chrono::seconds(10);

template <typename Condition>
void wait_until(Condition&& condition) {
  const auto limit = std::chrono::steady_clock::now() + kAmple;
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), limit) << "it did not happen";
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

// Every answer to the reference model's samples, as fast as they go.
inline Answered run_all(Client& client, const std::vector<float>& samples, std::size_t preview = 0) {
  const std::size_t n = samples.size() / 2;
  Answered answered{std::vector<float>(2 * (n + preview)), std::vector<std::uint32_t>(n + preview)};
  run(client, {samples.data(), n, 2, 2, 1024, preview, answered.values.data(), answered.flags.data()}, kAmple, [] {});
  return answered;
}

inline void expect_equal(const Answered& answered, const Answered& expected) {
  EXPECT_EQ(answered.values, expected.values);
  EXPECT_EQ(answered.flags, expected.flags);
}

// Why `connect` failed.
template <typename Connect>
std::string error_of(Connect&& connect) {
  try {
    connect();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace learn_rt::client
