// What a recorded sample costs the thread that carries it, beside a session that only copies.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "learn_rt/record/recorded_session.h"

namespace learn_rt::record {
namespace {

class Copying final : public Session {
 public:
  explicit Copying(std::size_t n) : n_(n) {}
  void begin(const float*) noexcept override {}
  std::uint32_t step(const float* sample, float* answer) noexcept override {
    std::copy_n(sample, 2, answer);
    return 0;
  }
  void settle() noexcept override {}
  void rehearse() noexcept override {}
  void flush(float*, std::uint32_t*) noexcept override {}
  std::size_t n_features() const noexcept override { return n_; }
  std::size_t n_outputs() const noexcept override { return 2; }
  std::size_t preview() const noexcept override { return 0; }

 private:
  const std::size_t n_;
};

Spec spec_of(std::size_t n) {
  return Spec::parse(R"({"format": "learn_rt.spec/1", "contract_hash": ")" + std::string(64, 'a') +
                     R"(", "name": "m", "kind": "window", "dt_s": 0.001, "window": 4, "preview": 0,
    "inputs": [{"name": "u", "unit": "V", "shape": [)" +
                     std::to_string(n) + R"(]}], "outputs": [{"name": "y", "unit": "mm", "shape": [2]}]})");
}

void run(benchmark::State& state, Session& session) {
  const std::vector<float> sample(session.n_features(), 1.0F);
  float answer[2] = {};
  for (auto _ : state) {
    benchmark::DoNotOptimize(session.step(sample.data(), answer));
    benchmark::ClobberMemory();
  }
}

void plain(benchmark::State& state) {
  Copying session(static_cast<std::size_t>(state.range(0)));
  run(state, session);
}

void recorded(benchmark::State& state) {
  const auto n = static_cast<std::size_t>(state.range(0));
  const auto folder = std::filesystem::temp_directory_path() / "record-benchmark";
  RecorderOptions options;
  options.folder = folder;
  const auto recorder = std::make_shared<Recorder>(options);
  const auto box = recorder->open({"server", "m", ""}, spec_of(n));
  RecordedSession session(std::make_unique<Copying>(n), recorder, box, 1);
  session.tag(1, 2, 3);
  run(state, session);
  std::filesystem::remove_all(folder);
}

BENCHMARK(plain)->Arg(5)->Arg(281);
BENCHMARK(recorded)->Arg(5)->Arg(281);

}  // namespace
}  // namespace learn_rt::record

BENCHMARK_MAIN();
