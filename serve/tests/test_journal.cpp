#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "journal.h"

namespace learn_rt::serve {
namespace {

grpc::Status because(const std::string& cause) { return {grpc::StatusCode::NOT_FOUND, cause}; }

TEST(Journal, GivesEventsInTheOrderTheyCame) {
  Journal journal(4);
  EXPECT_FALSE(journal.try_pop());
  for (int round = 0; round < 5; ++round) {  // more than once around
    journal.refused("ipv4:1", because("a"));
    journal.refused("ipv4:2", because("b"));
    const auto first = journal.try_pop(), second = journal.try_pop();
    ASSERT_TRUE(first && second);
    EXPECT_STREQ(first->peer.data(), "ipv4:1");
    EXPECT_STREQ(second->cause.data(), "b");
    EXPECT_EQ(second->code, grpc::StatusCode::NOT_FOUND);
    EXPECT_FALSE(journal.try_pop());
  }
}

TEST(Journal, DropsAndCountsWhatDoesNotFit) {
  Journal journal(4);
  for (int i = 0; i < 10; ++i) journal.refused("p", because(std::to_string(i)));
  EXPECT_EQ(journal.dropped(), 6U);
  EXPECT_EQ(journal.refusals().total(), 10U);  // counted all the same
  for (int i = 0; i < 4; ++i) EXPECT_EQ(journal.try_pop()->cause.data(), std::to_string(i));
  EXPECT_FALSE(journal.try_pop());
  journal.refused("p", because("again"));
  EXPECT_STREQ(journal.try_pop()->cause.data(), "again");
}

TEST(Journal, CutsLongTexts) {
  Journal journal(1);
  journal.refused(std::string(1000, 'p'), because(std::string(5000, 'c')));
  const auto event = journal.try_pop();
  EXPECT_EQ(std::string(event->peer.data()), std::string(event->peer.size() - 1, 'p'));
  EXPECT_EQ(std::string(event->cause.data()), std::string(event->cause.size() - 1, 'c'));
}

TEST(Journal, LosesNothingUncountedUnderManyWriters) {
  constexpr int kWriters = 4, kEach = 5000;
  Journal journal(64);
  std::atomic<int> writing{kWriters};
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      for (int i = 0; i < kEach; ++i) journal.refused(std::to_string(w), because(std::to_string(i)));
      --writing;
    });
  }
  std::map<std::string, int> last;
  std::uint64_t taken = 0;
  const auto take = [&] {
    while (const auto event = journal.try_pop()) {
      const int i = std::stoi(event->cause.data());
      const auto [entry, fresh] = last.emplace(event->peer.data(), i);
      EXPECT_TRUE(fresh || i > entry->second);  // a writer's own events stay in order
      entry->second = i;
      ++taken;
    }
  };
  while (writing.load() != 0) take();
  for (auto& writer : writers) writer.join();
  take();
  EXPECT_EQ(taken + journal.dropped(), std::uint64_t{kWriters} * kEach);
}

TEST(Journal, TakesPowersOfTwoOnly) { EXPECT_THROW(Journal(3), std::invalid_argument); }

}  // namespace
}  // namespace learn_rt::serve
