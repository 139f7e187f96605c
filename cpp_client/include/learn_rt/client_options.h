#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "learn_rt/security.h"
#include "learn_rt/spec.h"

namespace learn_rt {

// What is handed out when the model's answer is not there in time.
enum class OnMiss {
  kHold,      // the last value
  kZero,      // 0
  kNominal,   // the values given with the call, or else the spec's
  kFallback,  // the answer of ClientOptions::fallback_model, and without one the last value
};

// How predict(), the I/O thread, and over shared memory the server, wait.
enum class Wait {
  kSleep,  // until woken
  kDoze,   // over shared memory: asleep, but polling around the time of the next sample; elsewhere as kSleep
  kSpin,   // polling: a core a side for less latency; over a socket the I/O thread polls it
};

// When the stream goes on with another version of the model, once that is the server's stable one (docs/versions.md).
enum class Swap {
  kPinned,     // never: a lost stream is taken up with the version that it began with, or not at all
  kNow,        // between two samples
  kAtRest,     // when the samples have stood still for a whole window
  kCrossfade,  // over `crossfade_s`, from the one version's answers to the other's
};

// What becomes of a value of a sample that is not fit.
enum class OnInput {
  kPass,   // nothing: the model refuses what is not finite or not physical, and its window starts empty again
  kHold,   // the last fit value at its place stands in
  kClamp,  // the nearest value of range_valid does
  kMiss,   // as kHold, so that the window stays whole, but this tick is answered as a missed one
};

// For one input signal.
struct InputPolicy {
  std::string signal;  // empty: every input that has no policy of its own
  OnInput not_finite = OnInput::kPass;
  OnInput out_of_range = OnInput::kPass;  // of range_valid
  OnInput stale = OnInput::kPass;         // kPass or kMiss: a stale value is its own last one
  double stale_s = 0.0;  // a signal of which no value changed, to the bit, for longer is stale; 0: none ever is
  double hold_s = 0.0;   // how long values may stand in without a break; from then on as kMiss. 0: for ever
};

// Bounds of an output that are narrower than the spec's, or the only ones.
struct OutputEnvelope {
  std::string output;
  Envelope envelope;
};

struct ClientOptions {
  std::string version = "stable";
  Swap swap = Swap::kPinned;          // with another, `version` must be a label and every address a server's
  double crossfade_s = 0.1;           // of Swap::kCrossfade: above 0, to 60
  std::vector<std::string> failover;  // further addresses, tried in order when the one before is not to be had
  OnMiss on_miss = OnMiss::kHold;
  std::string fallback_model;   // of OnMiss::kFallback: <model>/<version> of a small model that the control thread runs
  std::size_t fault_after = 0;  // misses in a row, after which the fault latches; 0: never
  std::vector<InputPolicy> inputs;       // none: every value passes
  std::vector<OutputEnvelope> envelope;  // tightens the spec's
  double lead_s = 0.0;                   // how far ahead of its tick a sample is pushed, see Client::predict
  std::size_t capacity = 1024;           // samples and answers that each ring holds
  std::vector<float> rest;               // a sample taken to have stood for ever before the first one; empty: cold
  std::string contract_hash;             // empty: the served model's, asked for at connect
  std::chrono::milliseconds connect_timeout{5000};  // to connect, and for any answer before the stream counts as lost
  Wait wait = Wait::kDoze;
  int io_cpu = -1;                // pins the I/O thread
  std::uint64_t jitter_seed = 0;  // of the pauses between attempts to reconnect; 0: another one each time
  // A folder: the last `record_s` of the stream are kept in memory, and written there as a file on request and after a
  // fault (docs/recording.md). Empty: nothing is recorded.
  std::string record;
  double record_s = 60.0;
  ClientSecurity security;
};

}  // namespace learn_rt
