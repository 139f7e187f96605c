#pragma once

#include <cstddef>
#include <vector>

#include "learn_rt/realtime.h"
#include "learn_rt/spec.h"

namespace learn_rt {

// One tick of one signal, `size` values, in a sample; lag 0 is the newest tick.
struct Piece {
  std::size_t signal, lag, size;
};

// What a sample consists of, from its first value to its last. Signals follow each other in the spec's order. A
// term-major one is a block of its own: its value at each tick of its history, one after another. Neighbours that are
// time-major and share history and order are one block, tick by tick: at each tick all of them.
std::vector<Piece> pieces(const std::vector<Signal>& signals);

// Makes a model's samples of named signals in their units, and the answers into units. Histories are kept here, and
// what comes back as an input. One thread at a time.
//
// Before the first tick a history holds the first tick's value, and of what comes back zeros, as the graph takes them.
class Observation {
 public:
  // Throws std::runtime_error: a model of kind rollout, or one with nothing but its own answers for inputs.
  explicit Observation(const Spec& spec);

  // Forgets all ticks.
  void begin() LEARN_RT_REALTIME;
  // Takes one tick of each input that is not fed back (n_values values in units, in the spec's order); writes the
  // sample (n_features values).
  void sample(const float* values, float* features) LEARN_RT_REALTIME;
  // Takes the model's answer (n_outputs values, as the graph gives them), which comes back with the next sample, and
  // writes it in units. `units` may be `answer`.
  void answer(const float* answer, float* units) LEARN_RT_REALTIME;

  std::size_t n_values() const LEARN_RT_REALTIME { return n_values_; }
  std::size_t n_features() const LEARN_RT_REALTIME { return n_features_; }
  std::size_t n_outputs() const LEARN_RT_REALTIME { return last_.size(); }

 private:
  struct Input {
    std::size_t size, history;
    std::size_t from;  // of its values among those given, or of the answer's that come back
    bool fed_back;
    std::size_t ticks;  // where its ring lies in ticks_: twice the history, so that it is always in one piece
    std::vector<double> scale, offset;  // of the value given or come back: (value - offset) / scale enters the graph
  };
  struct Copy {
    std::size_t input, lag;
  };

  void take(Input& input, const float* values) LEARN_RT_REALTIME;

  std::vector<Input> inputs_;
  std::vector<Copy> copies_;
  std::vector<double> scale_, offset_;  // of the answer
  std::vector<float> last_;             // the answer as the graph gave it
  std::vector<float> ticks_;
  std::size_t n_values_ = 0, n_features_ = 0;
  std::size_t taken_ = 0;  // ticks since begin(), for the rings' places
};

}  // namespace learn_rt
