#include "learn_rt/signal_session.h"

#include <algorithm>
#include <stdexcept>

#include "learn_rt/flags.h"

namespace learn_rt {
namespace {

std::string names(const std::vector<Signal>& signals, bool given_only) {
  std::string line;
  for (const Signal& signal : signals) {
    if (given_only && !signal.feedback_of.empty()) continue;
    line += (line.empty() ? "" : ", ") + signal.name;
  }
  return line;
}

std::string quoted(const std::string& name) { return '"' + name + '"'; }

const Signal* find(const std::vector<Signal>& signals, const std::string& name) {
  const auto found = std::find_if(signals.begin(), signals.end(), [&](const Signal& s) { return s.name == name; });
  return found == signals.end() ? nullptr : &*found;
}

[[noreturn]] void refuse_feedback(const Signal& signal) {
  throw std::runtime_error(signal.name + " is the model's own last " + signal.feedback_of + ": it is not given");
}

// For each of the model's elements, where the caller keeps it. Throws when that is elsewhere and may not be.
std::vector<std::size_t> order_of(const Signal& signal, const SignalOptions& options) {
  std::vector<std::size_t> order(signal.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto said = options.elements.find(signal.name);
  if (said == options.elements.end() || said->second == signal.elements) return order;
  const std::vector<std::string>& theirs = said->second;
  if (signal.elements.empty()) {
    throw std::runtime_error(signal.name + ": the model's spec names no elements of it, so no order can be checked");
  }
  if (theirs.size() != order.size()) {
    throw std::runtime_error(signal.name + " has " + std::to_string(order.size()) + " elements, not " +
                             std::to_string(theirs.size()));
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto at = std::find(theirs.begin(), theirs.end(), signal.elements[i]);
    if (at == theirs.end()) {
      throw std::runtime_error(signal.name + ": the model's element " + quoted(signal.elements[i]) + " is not among " +
                               "those given");
    }
    order[i] = static_cast<std::size_t>(at - theirs.begin());
  }
  if (options.reorder) return order;
  const auto differs = std::mismatch(theirs.begin(), theirs.end(), signal.elements.begin());
  throw std::runtime_error(signal.name + ": element " + std::to_string(differs.first - theirs.begin()) + " is " +
                           quoted(*differs.second) + " in the model and " + quoted(*differs.first) +
                           " here: bring them into the model's order, or open with reorder");
}

}  // namespace

SignalSession::SignalSession(const Model& model, const SignalOptions& options)
    : spec_(model.spec()), observation_(spec_), every_(options.every), between_(options.between) {
  if (every_ == 0) throw std::runtime_error("every must be 1 or more");
  for (const auto& [name, elements] : options.elements) {
    const Signal* input = find(spec_.inputs, name);
    if (input == nullptr && find(spec_.outputs, name) == nullptr) {
      throw std::runtime_error("the model has no signal " + quoted(name) + ": it takes " + names(spec_.inputs, true) +
                               " and gives " + names(spec_.outputs, false));
    }
    if (input != nullptr && !input->feedback_of.empty()) refuse_feedback(*input);
  }
  const auto add = [&options](std::vector<std::size_t>& to, const Signal& signal) {
    const std::size_t start = to.size();
    for (const std::size_t at : order_of(signal, options)) to.push_back(start + at);
  };
  for (const Signal& signal : spec_.inputs) {
    if (signal.feedback_of.empty()) add(input_order_, signal);
  }
  for (const Signal& signal : spec_.outputs) add(output_order_, signal);
  session_ = model.open();
  inputs_.resize(input_order_.size());
  values_.resize(input_order_.size());
  features_.resize(observation_.n_features());
  for (auto* outputs : {&outputs_, &answer_, &from_, &to_}) outputs->resize(output_order_.size());
}

float* SignalSession::input(const std::string& name) {
  std::size_t at = 0;
  for (const Signal& signal : spec_.inputs) {
    if (signal.name == name && !signal.feedback_of.empty()) refuse_feedback(signal);
    if (signal.name == name) return inputs_.data() + at;
    if (signal.feedback_of.empty()) at += signal.size();
  }
  throw std::runtime_error("the model takes no " + quoted(name) + ": it takes " + names(spec_.inputs, true));
}

const float* SignalSession::output(const std::string& name) const {
  std::size_t at = 0;
  for (const Signal& signal : spec_.outputs) {
    if (signal.name == name) return outputs_.data() + at;
    at += signal.size();
  }
  throw std::runtime_error("the model gives no " + quoted(name) + ": it gives " + names(spec_.outputs, false));
}

void SignalSession::begin() LEARN_RT_REALTIME {
  session_->begin(nullptr);
  observation_.begin();
  tick_ = 0;
  first_ = settled_ = true;
}

void SignalSession::ask() LEARN_RT_REALTIME {
  for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = inputs_[input_order_[i]];
  observation_.sample(values_.data(), features_.data());
  flags_ = session_->step(features_.data(), answer_.data());
  settled_ = false;
  observation_.answer(answer_.data(), to_.data());
  for (std::size_t i = 0; i < to_.size(); ++i) from_[i] = first_ ? to_[i] : outputs_[output_order_[i]];
  first_ = false;
  if ((flags_ & kRefused) != 0) observation_.begin();
}

std::uint32_t SignalSession::step() LEARN_RT_REALTIME {
  if (tick_ == 0) ask();
  ++tick_;
  const double part = static_cast<double>(tick_) / static_cast<double>(every_);
  for (std::size_t i = 0; i < to_.size(); ++i) {
    const double from = from_[i], to = to_[i];
    outputs_[output_order_[i]] =
        between_ == Between::kHold || tick_ == every_ ? to_[i] : static_cast<float>(from + (to - from) * part);
  }
  if (tick_ == every_ || (flags_ & kRefused) != 0) tick_ = 0;
  return flags_;
}

void SignalSession::settle() LEARN_RT_REALTIME {
  if (settled_) return;
  session_->settle();
  settled_ = true;
}

}  // namespace learn_rt
