// Answers samples as a control loop would: one at a time, its slack used for the work that needs no sample.
//
//   answer models/printer/1 [native|onnxruntime|torchscript|auto] < samples.txt > answers.txt
//
// A sample is a line of numbers in the spec's order; its answer a line of numbers, then the flags. At the end the time
// that an answer took stands on stderr.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "learn_rt/flags.h"
#include "learn_rt/model.h"

namespace {

// Reads one sample; false at the end of the input. Throws std::runtime_error: half a sample, or no number.
bool read_sample(std::istream& from, std::vector<float>& sample) {
  for (std::size_t i = 0; i < sample.size(); ++i) {
    if (from >> sample[i]) continue;
    if (i == 0 && from.eof()) return false;
    throw std::runtime_error("a sample is " + std::to_string(sample.size()) + " numbers");
  }
  return true;
}

void answer_all(const std::shared_ptr<const learn_rt::Model>& model) {
  using Clock = std::chrono::steady_clock;
  const std::unique_ptr<learn_rt::Session> session = model->open();
  std::vector<float> sample(session->n_features()), answer(session->n_outputs());
  std::vector<double> took_us;
  while (read_sample(std::cin, sample)) {
    const auto start = Clock::now();
    const std::uint32_t flags = session->step(sample.data(), answer.data());  // the critical path
    took_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    // Here a control loop gives its command to the machine.
    session->settle();
    for (const float value : answer) std::printf("%.9g ", static_cast<double>(value));
    std::printf("%u%s\n", flags, (flags & learn_rt::kWarmingUp) != 0 ? " (warming up)" : "");
  }
  if (took_us.empty()) return;
  std::sort(took_us.begin(), took_us.end());
  std::fprintf(stderr, "%zu answers on %s, p50 %.2f us\n", took_us.size(), model->choice().c_str(),
               took_us[took_us.size() / 2]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 3) {
    std::fprintf(stderr, "usage: answer VERSION_FOLDER [BACKEND] < samples.txt\n");
    return 2;
  }
  try {
    answer_all(learn_rt::Model::load(argv[1], argc == 3 ? argv[2] : "auto"));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "answer: %s\n", error.what());
    return 1;
  }
  return 0;
}
