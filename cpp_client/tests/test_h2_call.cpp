// What a server may send, byte by byte: right, cut, merged, and wrong in every way. No step of a call allocates.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "learn_rt/doorbell.h"
#include "raw_peer.h"

namespace learn_rt::client {
namespace {

using Messages = std::vector<std::string>;

std::string repeated(const std::string& bytes, std::size_t n) {
  std::string all;
  for (std::size_t i = 0; i < n; ++i) all += bytes;
  return all;
}

const std::string kHonest = kBegin + data(message("one")) + data(message("") + message("three")) + trailers("0", "");

TEST(H2Call, SendsWhatGrpcAsksFor) {
  RawPeer peer;
  peer.say("");
  const std::string heard = peer.heard();
  EXPECT_EQ(heard.find("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0U);
  EXPECT_NE(heard.find(message("first")), std::string::npos);
}

TEST(H2Call, MessagesComeWholeHoweverTheyAreCut) {
  const Messages expected = {"one", "", "three"};
  for (std::size_t cut = 0; cut <= kHonest.size(); ++cut) {
    RawPeer peer;
    peer.say(kHonest.substr(0, cut)).say(kHonest.substr(cut));
    ASSERT_EQ(peer.messages(), expected) << cut;
    ASSERT_TRUE(peer.call().ok()) << cut;
  }
  RawPeer peer;
  for (const char byte : kHonest) peer.say(std::string(1, byte));
  EXPECT_EQ(peer.messages(), expected);
}

TEST(H2Call, AMessageMayBeCutIntoFramesAtEachByte) {
  const std::string whole = message("abc") + message("defgh");
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    RawPeer peer;
    peer.say(kBegin + data(whole.substr(0, cut)) + data(whole.substr(cut)));
    ASSERT_EQ(peer.messages(), (Messages{"abc", "defgh"})) << cut;
    ASSERT_FALSE(peer.call().over());
  }
}

TEST(H2Call, APingIsAnswered) {
  RawPeer peer;
  peer.say(kBegin);
  peer.heard();
  peer.say(frame(kPing, 0, 0, "12345678"));
  EXPECT_EQ(peer.heard(), frame(kPing, 1, 0, "12345678"));
}

TEST(H2Call, WhatWasTakenMaySoonBeSentAgain) {
  RawPeer peer;
  peer.say(kBegin);
  const std::string message_of_1000 = data(message(std::string(1000, 'x')));
  for (int i = 0; i < 5000; ++i) peer.say(message_of_1000);  // five windows
  EXPECT_EQ(peer.messages().size(), 5000U);
  EXPECT_EQ(peer.cause(), "");
}

TEST(H2Call, SendsNoMoreThanThePeerHasWindowFor) {
  RawPeer peer;
  peer.say(settings({{4, 100}}) + headers(kGrpcHead));  // 100 bytes a stream
  peer.heard();
  ASSERT_NE(peer.call().next_message(), nullptr);
  peer.call().send(50'000);
  EXPECT_EQ(peer.call().next_message(), nullptr);
  const std::size_t first = peer.heard().size();
  EXPECT_LT(first, 200U);
  peer.say(frame(kWindow, 0, 1, big_endian(60'000, 4)));
  EXPECT_GT(peer.heard().size(), 49'900U);
  EXPECT_NE(peer.call().next_message(), nullptr);
}

TEST(H2Call, APeerThatReadsNothingIsNeverWaitedFor) {
  RawPeer peer;
  peer.say(settings({{4, 0x7FFFFFFF}}) + frame(kWindow, 0, 0, big_endian(0x7FFF0000 - 65535, 4)) + headers(kGrpcHead));
  std::size_t sent = 0;
  for (; peer.call().next_message() != nullptr; ++sent) peer.call().send(100'000);
  EXPECT_LT(sent, 1000U);
  EXPECT_FALSE(peer.call().over());
  for (int i = 0; i < 5; ++i) {
    while (!peer.heard().empty()) peer.step();
    peer.step();
  }
  EXPECT_NE(peer.call().next_message(), nullptr);  // and on, when it reads
}

TEST(H2Call, AfterTheEndNothingIsTaken) {
  RawPeer peer;
  peer.say(kHonest + data(message("late")));
  EXPECT_EQ(peer.messages().size(), 3U);
  EXPECT_EQ(peer.cause(), "the server ended the stream");
}

// A server that stops while samples come leaves answers behind that nobody has taken yet.
TEST(H2Call, WhatCameBeforeTheConnectionBrokeIsTakenThoughNothingCanBeSentAnyMore) {
  for (const auto on : {RawPeer::On::kUnix, RawPeer::On::kTcp}) {
    RawPeer peer(on);
    peer.say(kBegin);
    peer.say_and_vanish(repeated(data(message(std::string(900, 'x'))), 50) + trailers("14", "the server stops"));
    for (int i = 0; i < 2 && peer.call().next_message() != nullptr; ++i) peer.call().send(1000);
    EXPECT_EQ(peer.messages().size(), 0U);
    for (int i = 0; i < 10; ++i) peer.step();
    EXPECT_EQ(peer.messages().size(), 50U);
    EXPECT_EQ(peer.cause(), "UNAVAILABLE: the server stops");
  }
}

TEST(H2Call, AConnectionThatBrokeIsOverWhenEverythingWasTaken) {
  for (const auto on : {RawPeer::On::kUnix, RawPeer::On::kTcp}) {
    RawPeer peer(on);
    peer.say(kBegin);
    peer.say_and_vanish(repeated(data(message(std::string(900, 'x'))), 50));
    for (int i = 0; i < 2 && peer.call().next_message() != nullptr; ++i) peer.call().send(1000);
    EXPECT_EQ(peer.call().next_message(), nullptr);  // there is nobody to send it to
    for (int i = 0; i < 10 && !peer.call().over(); ++i) {
      peer.call().wait(now_ns() + 60'000'000'000);  // never sleeps
      peer.step();
    }
    EXPECT_EQ(peer.messages().size(), 50U);
    EXPECT_EQ(peer.cause().find("UNAVAILABLE: "), 0U) << peer.cause();
    EXPECT_TRUE(peer.cause().find(": Broken pipe") != std::string::npos ||
                peer.cause().find(": Connection reset by peer") != std::string::npos)
        << peer.cause();
  }
}

struct Wrong {
  const char* name;
  std::string says;
  const char* cause;
  bool hangs_up = false;
};
void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.name; }
class H2CallOfAWrongServer : public testing::TestWithParam<Wrong> {};

const std::string kEmptyFrame = data("");
const std::string kNoSettings = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    Says, H2CallOfAWrongServer,
    testing::Values(
        Wrong{"StatusAlone",
              settings() + headers({{":status", "200"},
                                    {"content-type", "application/grpc"},
                                    {"grpc-status", "5"},
                                    {"grpc-message", "no model %27x%27 %zz%"}},
                                   kEndStream),
              "NOT_FOUND: no model 'x' %zz%"},
        Wrong{"StatusUnknown", kBegin + trailers("77", "what"), "status 77: what"},
        Wrong{"StatusNoNumber", kBegin + trailers("-1", "what"), "UNKNOWN: what"},
        Wrong{"NoStatus", kBegin + data("", kEndStream), "UNKNOWN: the stream ended without a status"},
        Wrong{"LongStatusText", kBegin + trailers("13", std::string(9000, 'x')), "INTERNAL: xxxx"},
        Wrong{"TooManyHeaders", kBegin + trailers("13", std::string(16'000, 'x') + "x") + trailers("0", ""),
              "INTERNAL"},
        Wrong{"HttpStatus",
              settings() + headers({{":status", "503"}, {"content-type", "text/html"}}) + data("<html>") +
                  data("", kEndStream),
              "UNAVAILABLE: no gRPC server: HTTP status 503"},
        Wrong{"ContentType",
              settings() + headers({{":status", "200"}, {"content-type", "text/html"}}) + data("<html>", kEndStream),
              "UNKNOWN: no gRPC server: another content-type"},
        Wrong{"Compressed", kBegin + data(message("zip", 1)), "INTERNAL: a compressed message"},
        Wrong{"TooLarge", kBegin + data(message(std::string(1001, 'x'))),
              "RESOURCE_EXHAUSTED: a message of 1001 bytes"},
        Wrong{"HugeLength", kBegin + data(std::string("\0\xFF\xFF\xFF\xFF", 5)),
              "RESOURCE_EXHAUSTED: a message of 4294967295 bytes"},
        Wrong{"Reset", kBegin + frame(kReset, 0, 1, big_endian(7, 4)), "UNAVAILABLE: the server reset the stream"},
        Wrong{"ResetInternal", kBegin + frame(kReset, 0, 1, big_endian(2, 4)), "INTERNAL: the server reset the stream"},
        Wrong{"GoesAwayBefore", settings() + frame(kGoAway, 0, 0, big_endian(0, 4) + big_endian(0, 4)),
              "UNAVAILABLE: the server reset the stream: REFUSED_STREAM"},
        Wrong{"GoesAwayAngry", kBegin + frame(kGoAway, 0, 0, big_endian(1, 4) + big_endian(11, 4) + "too_many_pings"),
              "too_many_pings", true},
        Wrong{"HangsUpAtOnce", "", "(it may speak TLS: grpcs://)", true},
        Wrong{"HangsUp", kBegin, ": the server closed the connection", true},
        Wrong{"SpeaksHttp1", kNoSettings, "(it may speak TLS: grpcs://)"},
        Wrong{"SpeaksTls", std::string("\x15\x03\x01\x00\x02\x02\x46 and more bytes", 22),
              "(it may speak TLS: grpcs://)", true},
        Wrong{"PushesPromises", kBegin + frame(kPush, kEndHeaders, 1, big_endian(2, 4) + block(kGrpcHead)),
              "a promise, which was declined"},
        Wrong{"FrameTooLarge", kBegin + frame(kData, 0, 1, std::string(20'000, '\0')),
              "INTERNAL: the server broke HTTP/2"},
        Wrong{"GarbageInHeaders", settings() + frame(kHeaders, kEndHeaders, 1, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
              "INTERNAL: the server broke HTTP/2"},
        Wrong{"WindowOverflow", kBegin + repeated(frame(kWindow, 0, 0, big_endian(0x7FFFFFFF, 4)), 2),
              "INTERNAL: the server broke HTTP/2"},
        Wrong{"WindowOfNothing", kBegin + frame(kWindow, 0, 0, big_endian(0, 4)), "INTERNAL: the server broke HTTP/2"},
        Wrong{"ManySettings", settings() + settings(std::vector<std::pair<int, std::uint32_t>>(100, {4, 1 << 16})),
              "INTERNAL: the server broke HTTP/2"},
        Wrong{"WrongSettings", settings({{5, 1}}), "INTERNAL: the server broke HTTP/2"},
        Wrong{"Continuations", settings() + frame(kHeaders, 0, 1, "") + repeated(frame(kContinuation, 0, 1, ""), 1000),
              "HTTP/2"},
        Wrong{"LongHeaders",
              settings() + frame(kHeaders, 0, 1, block(kGrpcHead)) +
                  repeated(frame(kContinuation, 0, 1, block({{"x", std::string(10'000, 'x')}})), 4),
              "HTTP/2"},
        Wrong{"FloodsWithEmptyFrames", kBegin + repeated(kEmptyFrame, 25'000),
              "RESOURCE_EXHAUSTED: the server floods the connection"},
        Wrong{"FloodsWithPings", kBegin + repeated(frame(kPing, 0, 0, "12345678"), 25'000), "Flooding was detected"},
        Wrong{"FloodsWithSettings", kBegin + repeated(settings(), 25'000), "Flooding was detected"}),
    [](const auto& wrong) { return wrong.param.name; });

TEST_P(H2CallOfAWrongServer, TheCallEndsWithTheCause) {
  RawPeer peer;
  peer.say(GetParam().says);
  if (GetParam().hangs_up) peer.hang_up();
  EXPECT_TRUE(peer.call().over());
  EXPECT_FALSE(peer.call().ok());
  EXPECT_NE(peer.cause().find(GetParam().cause), std::string::npos) << peer.cause();
}

TEST(H2Call, NoChangeOfBytesDoesMoreThanEndTheCall) {
  std::mt19937 random(20);
  const std::string honest = kBegin + frame(kPing, 0, 0, "12345678") + data(message("abc")) +
                             frame(kWindow, 0, 1, big_endian(1000, 4)) + data(message("defgh")) + trailers("0", "fine");
  std::size_t ended = 0;
  for (int turn = 0; turn < 1500; ++turn) {
    std::string bytes = honest;
    for (std::size_t n = 1 + random() % 4; n > 0; --n) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, random() % 20);
          break;
        default:
          bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 40));
      }
    }
    RawPeer peer;
    peer.say(bytes);
    if (peer.call().next_message() != nullptr) peer.call().send(100);
    peer.hang_up();
    ended += peer.call().over();
    for (const std::string& each : peer.messages()) ASSERT_LE(each.size(), 1000U);
  }
  EXPECT_EQ(ended, 1500U);
}

TEST(H2Call, AForkedChildLeavesTheConnectionToItsParent) {
  RawPeer peer;
  peer.say(kBegin);
  peer.heard();
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = peer.call().next_message() == nullptr && !peer.call().step() &&
                         peer.cause().find("forked") != std::string::npos;
    peer.~RawPeer();
    ::_exit(refused ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(peer.heard(), "");
  peer.say(data(message("on")));
  EXPECT_EQ(peer.messages(), Messages{"on"});
}

TEST(H2Arena, GivesBlocksThatDoNotOverlapAndTakesThemBack) {
  H2Arena arena(1 << 16);
  std::mt19937 random(5);
  std::vector<std::pair<unsigned char*, std::size_t>> held;
  for (int turn = 0; turn < 20'000; ++turn) {
    if (random() % 2 == 0) {
      const std::size_t size = 1 + random() % 2000;
      auto* block = static_cast<unsigned char*>(arena.allocate(size));
      if (block == nullptr) continue;
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(block) % 16, 0U);
      std::fill_n(block, size, static_cast<unsigned char>(size));
      held.emplace_back(block, size);
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      auto [block, size] = held.back();
      held.pop_back();
      const std::size_t longer = size + random() % 500;
      if (auto* moved = static_cast<unsigned char*>(arena.reallocate(block, longer))) block = moved;
      for (std::size_t i = 0; i < size; ++i) ASSERT_EQ(block[i], static_cast<unsigned char>(size));
      arena.release(block);
    }
  }
  EXPECT_EQ(arena.allocate(1 << 17), nullptr);
}

}  // namespace
}  // namespace learn_rt::client
