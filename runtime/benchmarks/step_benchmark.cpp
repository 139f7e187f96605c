// One step of a session, the settle outside the clock, for each version folder given:
//   runtime_benchmark [--backend native] FOLDER... [google-benchmark's options]

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <string>
#include <vector>

#include "learn_rt/model.h"

namespace {

using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// A made-up path: what the numbers are does not change the time.
std::vector<float> make_samples(std::size_t n, std::size_t n_features) {
  std::vector<float> samples(n * n_features);
  for (std::size_t i = 0; i < samples.size(); ++i)
    samples[i] = static_cast<float>(std::sin(0.01 * static_cast<double>(i)));
  return samples;
}

// Raw percentiles in microseconds; a mean would hide what a control loop feels.
void report(benchmark::State& state, std::vector<double>& times) {
  std::sort(times.begin(), times.end());
  const auto at = [&times](double p) {
    return 1e6 * times[static_cast<std::size_t>(p * static_cast<double>(times.size() - 1))];
  };
  state.counters["p50_us"] = at(0.5);
  state.counters["p99_us"] = at(0.99);
  state.counters["p999_us"] = at(0.999);
  state.counters["max_us"] = at(1.0);
}

enum class Clocked { kStep, kSettle };

void run(benchmark::State& state, const std::shared_ptr<const learn_rt::Model>& model, Clocked clocked) {
  const auto session = model->open();
  const std::size_t n = 1024, n_features = session->n_features();
  const auto samples = make_samples(n, n_features);
  std::vector<float> answer(session->n_outputs());
  std::size_t k = 0;
  std::vector<double> times;
  for (auto _ : state) {
    const auto start = Clock::now();
    benchmark::DoNotOptimize(session->step(&samples[k++ % n * n_features], answer.data()));
    const auto answered = Clock::now();
    session->settle();
    const auto settled = Clock::now();
    times.push_back(clocked == Clocked::kStep ? seconds(start, answered) : seconds(answered, settled));
    state.SetIterationTime(times.back());
  }
  report(state, times);
}

// The floor: the same clock around nothing.
void empty(benchmark::State& state) {
  std::vector<double> times;
  for (auto _ : state) {
    const auto start = Clock::now();
    benchmark::ClobberMemory();
    times.push_back(seconds(start, Clock::now()));
    state.SetIterationTime(times.back());
  }
  report(state, times);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::string backend = "native";
  benchmark::RegisterBenchmark("empty", empty)->UseManualTime();
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--backend" && i + 1 < argc) {
      backend = argv[++i];
      continue;
    }
    const auto model = learn_rt::Model::load(argv[i], backend);
    const std::string name = model->spec().name + "/" + backend;
    for (const auto& [part, clocked] : {std::pair{"/step", Clocked::kStep}, std::pair{"/settle", Clocked::kSettle}}) {
      benchmark::RegisterBenchmark((name + part).c_str(), run, model, clocked)->UseManualTime();
    }
  }
  benchmark::RunSpecifiedBenchmarks();
}
