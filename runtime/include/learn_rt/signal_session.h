#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "learn_rt/model.h"
#include "learn_rt/observation.h"

namespace learn_rt {

// What a caller says of the order that it keeps its signals' elements in: signal -> element names.
using ElementNames = std::map<std::string, std::vector<std::string>>;

// What is given between two answers of a model that runs every so many ticks.
enum class Between {
  kHold,    // the last answer
  kLinear,  // a straight line from the last answer to the new one, which is reached when the next one is due
};

struct SignalOptions {
  ElementNames elements;  // a signal whose order is not the model's is refused by name
  bool reorder = false;   // instead of refused, they are turned into the model's order, answers into the caller's
  std::size_t every = 1;  // ticks an answer of the model serves
  Between between = Between::kHold;
};

// A session that takes and gives named signals in their units. Write the inputs where input() points, call step(), read
// the answer where output() points. It builds the sample as the spec lays it out, histories and the last answer
// included. One thread at a time.
//
// With `every` ticks an answer, the model takes the inputs of the first tick of each such group; those of the other
// ticks are not looked at. A refused sample starts the histories again, and the model is asked at the next tick.
class SignalSession {
 public:
  // Keeps the model alive. Throws std::runtime_error: a signal of `options.elements` that the model does not take or
  // give, or whose elements are not the model's; a model of kind rollout; `every` 0.
  explicit SignalSession(const Model& model, const SignalOptions& options = {});

  // The values of an input, elements of it in the caller's order; zero until they are written. Throws
  // std::runtime_error: no such input, or one that is the model's own last answer.
  float* input(const std::string& name);
  // The values of an output. Throws std::runtime_error: no such output.
  const float* output(const std::string& name) const;

  // Forgets everything.
  void begin() LEARN_RT_REALTIME;
  // One tick: returns the Flag bits of the answer that is given, which is in the outputs.
  std::uint32_t step() LEARN_RT_REALTIME;
  // The work that does not need the next inputs. Call it once the answer is out.
  void settle() LEARN_RT_REALTIME;

  const Spec& spec() const noexcept { return spec_; }
  std::size_t every() const LEARN_RT_REALTIME { return every_; }

 private:
  void ask() LEARN_RT_REALTIME;

  Spec spec_;
  std::unique_ptr<Session> session_;
  Observation observation_;
  std::size_t every_;
  Between between_;
  std::vector<std::size_t> input_order_, output_order_;  // of each value of ours, where it is among the caller's
  std::vector<float> inputs_, outputs_;                  // the caller's
  std::vector<float> values_, features_, answer_;        // ours: in units, as the graph takes them, as it answers
  std::vector<float> from_, to_;                         // the last answer given and the model's, in units
  std::size_t tick_ = 0;                                 // since the model was asked
  std::uint32_t flags_ = 0;
  bool first_ = true, settled_ = true;
};

}  // namespace learn_rt
