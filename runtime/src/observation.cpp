#include "learn_rt/observation.h"

#include <algorithm>
#include <stdexcept>

namespace learn_rt {

std::vector<Piece> pieces(const std::vector<Signal>& signals) {
  std::vector<Piece> result;
  for (std::size_t first = 0, last; first < signals.size(); first = last) {
    const Signal& signal = signals[first];
    last = first + 1;
    const auto stacked = [&signal](const Signal& next) {
      return next.time_major && next.history == signal.history && next.newest_first == signal.newest_first;
    };
    if (signal.time_major && signal.history > 1) {
      while (last < signals.size() && stacked(signals[last])) ++last;
    }
    for (std::size_t t = 0; t < signal.history; ++t) {
      const std::size_t lag = signal.newest_first ? t : signal.history - 1 - t;
      for (std::size_t i = first; i < last; ++i) result.push_back({i, lag, signals[i].size()});
    }
  }
  return result;
}

Observation::Observation(const Spec& spec) {
  if (spec.kind == Kind::kRollout) throw std::runtime_error("a rollout model takes states and actions, not signals");
  std::vector<std::size_t> starts;  // of each output in the answer
  for (const Signal& output : spec.outputs) {
    starts.push_back(scale_.size());
    scale_.insert(scale_.end(), output.scale.begin(), output.scale.end());
    offset_.insert(offset_.end(), output.offset.begin(), output.offset.end());
  }
  std::size_t ticks = 0;
  for (const Signal& signal : spec.inputs) {
    Input input{signal.size(), signal.history, n_values_, false, ticks, signal.scale, signal.offset};
    ticks += 2 * input.size * input.history;
    for (std::size_t k = 0; k < spec.outputs.size(); ++k) {
      const Signal& output = spec.outputs[k];
      if (signal.feedback_of.empty() || output.name != signal.feedback_of) continue;
      input.fed_back = true;
      input.from = starts[k];
      for (std::size_t i = 0; i < input.size; ++i) {  // its wire to ours: the bits stay where both are the same
        input.offset[i] = (signal.offset[i] - output.offset[i]) / output.scale[i];
        input.scale[i] = signal.scale[i] / output.scale[i];
      }
    }
    if (!input.fed_back) n_values_ += input.size;
    inputs_.push_back(std::move(input));
  }
  if (n_values_ == 0) throw std::runtime_error("the model takes nothing but its own answers: use its session");
  for (const Piece& piece : pieces(spec.inputs)) copies_.push_back({piece.signal, piece.lag});
  n_features_ = spec.n_features();
  last_.resize(scale_.size());
  ticks_.resize(ticks);
}

void Observation::begin() LEARN_RT_REALTIME {
  taken_ = 0;
  std::fill(last_.begin(), last_.end(), 0.0F);
}

void Observation::take(Input& input, const float* values) LEARN_RT_REALTIME {
  const std::size_t at = taken_ % input.history, copies = taken_ == 0 ? 2 * input.history : 2;
  float* ring = ticks_.data() + input.ticks;
  float* here = ring + at * input.size;
  for (std::size_t i = 0; i < input.size; ++i) {
    const bool cold = input.fed_back && taken_ == 0;
    const double value = cold ? 0.0 : (static_cast<double>(values[input.from + i]) - input.offset[i]) / input.scale[i];
    here[i] = static_cast<float>(value);
  }
  for (std::size_t k = 1; k < copies; ++k) {
    const std::size_t to = copies == 2 ? at + input.history : k;
    std::copy(here, here + input.size, ring + to * input.size);
  }
}

void Observation::sample(const float* values, float* features) LEARN_RT_REALTIME {
  for (Input& input : inputs_) take(input, input.fed_back ? last_.data() : values);
  for (const Copy& copy : copies_) {
    const Input& input = inputs_[copy.input];
    // The newest lies at `taken_ % history` of the ring's first and second round; older ones before the second.
    const std::size_t at = taken_ % input.history + input.history - copy.lag;
    const float* from = ticks_.data() + input.ticks + at * input.size;
    features = std::copy(from, from + input.size, features);
  }
  ++taken_;
}

void Observation::answer(const float* answer, float* units) LEARN_RT_REALTIME {
  for (std::size_t i = 0; i < last_.size(); ++i) {
    last_[i] = answer[i];
    units[i] = static_cast<float>(static_cast<double>(answer[i]) * scale_[i] + offset_[i]);
  }
}

}  // namespace learn_rt
