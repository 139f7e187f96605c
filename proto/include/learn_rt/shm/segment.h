#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "learn_rt/doorbell.h"
#include "learn_rt/shm/ring.h"

// The shared-memory segment shm:NAME of a server, /dev/shm/learn-rt.NAME: a head, then slots, one a stream.
//
// Who owns what is told by open-file-description locks on single bytes of the file, because the kernel takes a dead
// process' locks away: byte kServerLock is the server's while it lives, byte kSlotLocks + i is that of the client that
// has slot i. A client that holds a slot's lock puts one call at a time into the slot's mailbox; the server's doorman
// answers it. After kOpen the rings carry samples and answers, until the server ends the stream or the client gives its
// lock back.
//
// Everything in here can be written by every process of the same user at any moment. Each side keeps the positions that
// it owns to itself, copies what it reads before it looks at it, and takes a position that cannot be for the end of the
// stream.
namespace learn_rt::shm {

constexpr std::uint64_t kMagic = 0x32304D48534E524CULL;  // "LRNSHM02": another layout is another number
constexpr std::size_t kSlots = 16;
constexpr std::size_t kMailbox = 512 * 1024;  // bytes: a spec of a thousand signals
constexpr std::size_t kRing = 128 * 1024;     // bytes: replays are longer than what a controller has under way
constexpr std::size_t kLeastRecords = 8;      // that a ring must hold for a model to be served this way

constexpr long kServerLock = 0;
constexpr long kSlotLocks = 1;

// What a client asks for: the mailbox holds a DescribeRequest or an Open of learn_rt.v1.
enum Call : std::uint32_t { kDescribe = 1, kOpen = 2 };

// How the server's thread of a stream waits for samples.
enum Wait : std::uint32_t {
  kSleep = 0,  // until it is woken
  kDoze = 1,   // asleep, but polling around the time when the next sample is due
  kSpin = 2,   // polling
};

// One call at a time, and the cause when the server ends the stream.
struct Mailbox {
  std::atomic<std::uint32_t> calls{0};     // client: raised when a call is complete
  std::atomic<std::uint32_t> answered{0};  // server: the call that it has answered
  std::atomic<std::uint32_t> ended{0};     // server: not 0: the stream is over, and the mailbox holds the cause
  std::uint32_t call = 0;                  // Call
  std::uint32_t wait = 0;                  // Wait, of kOpen
  std::uint32_t code = 0;                  // gRPC's status code, of an answer or an end
  std::uint32_t size = 0;                  // bytes of the message, or of the status' text
  alignas(64) unsigned char bytes[kMailbox] = {};
};

struct alignas(64) Slot {
  Mailbox mailbox;
  RingState samples;  // client to server
  RingState answers;  // server to client
  alignas(64) unsigned char sample_bytes[kRing] = {};
  alignas(64) unsigned char answer_bytes[kRing] = {};
};

struct Segment {
  std::atomic<std::uint64_t> magic{0};  // set last, when the segment can be used
  SharedDoorbell doorman;               // rung after a call
  Slot slots[kSlots];
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free,
              "an atomic with a lock is none between processes");

// A record in a ring: this head, then the values.
struct SampleHead {
  std::uint64_t sequence;
  std::int64_t stamp_ns;
};

struct AnswerHead {
  std::uint64_t sequence;
  std::int64_t stamp_ns;
  std::uint32_t flags;
  std::uint32_t compute_ns;
  std::int64_t version;  // that answered
};

using SampleProducer = Producer<SampleHead, kRing>;
using SampleConsumer = Consumer<SampleHead, kRing>;
using AnswerProducer = Producer<AnswerHead, kRing>;
using AnswerConsumer = Consumer<AnswerHead, kRing>;

// The segment's file name for shm_open; empty when NAME cannot be one: 1 to 64 of A-Z a-z 0-9 . _ -, no dot first.
inline std::string file_name(const std::string& name) {
  constexpr const char* kAllowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  if (name.empty() || name.size() > 64 || name[0] == '.' || name.find_first_not_of(kAllowed) != std::string::npos)
    return {};
  return "/learn-rt." + name;
}

}  // namespace learn_rt::shm
