// Picks the best of some plans: a model of kind rollout says where each leads, and the one whose last state is nearest
// to zero wins.
//
//   plan models/dynamics/1 [native|onnxruntime|torchscript|auto] < plans.txt
//
// The input is a row that stands for ever (a state, then an action), then plans, each a line of `horizon` actions.
#include <cmath>
#include <cstdio>
#include <exception>
#include <iostream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <vector>

#include "learn_rt/flags.h"
#include "learn_rt/model.h"

namespace {

void pick(const learn_rt::Model& model) {
  const learn_rt::Spec& spec = model.spec();
  const std::vector<float> numbers{std::istream_iterator<float>(std::cin), {}};
  const std::size_t row = spec.n_features(), plan = spec.horizon * spec.n_actions();
  if (numbers.size() < row + plan || (numbers.size() - row) % plan != 0) {
    throw std::runtime_error("a row of " + std::to_string(row) + " numbers is needed, then plans of " +
                             std::to_string(plan));
  }
  const std::size_t candidates = (numbers.size() - row) / plan;
  learn_rt::RolloutLimits limits;
  limits.candidates = candidates;
  limits.horizon = spec.horizon;
  const std::unique_ptr<learn_rt::RolloutSession> session = model.open_rollout(limits);
  session->begin(numbers.data());

  const std::size_t n_states = session->n_states();
  std::vector<float> states(candidates * spec.horizon * n_states);
  std::vector<std::uint32_t> flags(candidates);
  session->rollout(numbers.data() + row, candidates, spec.horizon, states.data(), flags.data());
  std::size_t best = candidates;
  double least = HUGE_VAL;
  for (std::size_t k = 0; k < candidates; ++k) {
    const float* last = &states[((k + 1) * spec.horizon - 1) * n_states];
    double distance = 0.0;
    for (std::size_t i = 0; i < n_states; ++i) {
      distance += static_cast<double>(last[i]) * static_cast<double>(last[i]);
      std::printf("%.9g ", static_cast<double>(last[i]));
    }
    std::printf("%u\n", flags[k]);
    if ((flags[k] & learn_rt::kRefused) == 0 && distance < least) least = distance, best = k;
  }
  if (best == candidates) throw std::runtime_error("every plan was refused");
  std::fprintf(stderr, "the best of %zu plans is %zu, on %s\n", candidates, best + 1, model.choice().c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: plan VERSION_FOLDER [BACKEND] < plans.txt\n");
    return 2;
  }
  try {
    pick(*learn_rt::Model::load(argv[1], argc == 3 ? argv[2] : "auto"));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "plan: %s\n", error.what());
    return 1;
  }
  return 0;
}
