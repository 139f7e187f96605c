#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "learn_rt/weights.h"

namespace learn_rt {

enum class Kind { kPointwise, kWindow, kStateful, kRollout };
enum class Scope { kLane, kStream };

struct Envelope {
  double value;   // [unit]
  double rate;    // [unit/s]
  double second;  // [unit/s^2]
};

struct Signal {
  std::string name;
  std::string unit;
  std::vector<std::size_t> shape;
  std::vector<std::string> elements;  // their names, in order; empty: they have none
  std::optional<std::pair<double, double>> range_valid;
  std::optional<std::pair<double, double>> range_trained;
  std::size_t history = 1;                       // ticks of it that one sample carries
  bool time_major = true, newest_first = false;  // how they lie there: see observation.h
  std::string feedback_of;                       // the output that comes back as this input; empty: none
  std::vector<double> scale, offset;             // of each element: value * scale + offset is in `unit`, as the ranges
  double nominal = 0.0;                          // a float's value
  std::optional<Envelope> envelope;
  std::size_t size() const noexcept;  // elements of `shape`
};

struct State {
  std::string name;
  std::vector<std::size_t> shape;  // without the batch axis
  Scope scope;
};

// What the runtime needs of spec.json (src/learn_rt/spec.py holds the meaning of each key).
struct Spec {
  std::string name;
  Kind kind;
  double dt_s;
  std::size_t window = 1;
  std::size_t preview = 0;
  std::size_t horizon = 0;
  std::vector<Signal> inputs;
  std::vector<Signal> outputs;
  std::vector<State> states;
  std::string contract_hash;
  std::size_t forgetting = 0;        // samples after which two histories agree; 0: not stated
  double tolerance = 0.0;            // of the golden samples, absolute; 0: not stated, 1e-5 of their scale
  Weights weights = Weights::kFp32;  // the form that the native engine keeps the matrices in
  std::vector<Weights> weights_mix;  // of mixed weights: each matrix's form, in the order in which they run
  double weights_tolerance = 0.0;    // of the golden samples in that form, absolute
  std::string json;                  // the file, to the byte

  std::size_t n_features() const noexcept;
  std::size_t n_outputs() const noexcept;
  // Samples from a cold start to the first answer: the window, and of a stateful model the ticks that an answer looks
  // ahead.
  std::size_t warm_up() const noexcept;
  // Samples that make another stream's answers: of a window all that it holds, of a carried state until it agrees.
  std::size_t memory() const noexcept;
  // Of a rollout: a row is a state, n_outputs() values, and then an action.
  std::size_t n_actions() const noexcept { return n_features() - n_outputs(); }

  // Throws std::runtime_error: the path in the file and what must hold there.
  static Spec parse(std::string json);
};

// Bytes of Session::save, of the native engine; 0: of a model that is not stateful.
std::size_t state_size(const Spec& spec);

// The samples of history that make the answers of a new stream those of the old one: the window, and the ticks that the
// envelope may take to come from the nominal value to any other.
std::size_t replay_length(const Spec& spec);

}  // namespace learn_rt
