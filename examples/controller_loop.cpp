// A printer's control loop: at every tick the planned position, corrected by the model's offset, becomes the command.
//
//   learn-serve models/ --listen unix:/tmp/learn.sock &
//   controller_loop unix:/tmp/learn.sock printer --rate 500 --seconds 10 --deadline-us 1000 --log commands.csv
//
// The path is planned, so the loop shows the model `preview` ticks of the future: the sample pushed at tick k is the
// plan for tick k + preview, and its answer is the offset for tick k.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "learn_rt/spec.h"

namespace {

struct Settings {
  std::string address, model = "printer", log;
  double rate_hz = 500.0, seconds = 10.0, deadline_us = 1000.0;
  learn_rt::ClientOptions client;
};

struct Setpoint {
  double x, y, vx, vy;  // [mm], [mm/s]
};

// A circle of 20 mm radius at 60 mm/s, taken up from rest at 500 mm/s^2.
Setpoint plan(double t_s) {
  constexpr double kRadius = 20.0, kSpeed = 60.0, kAcceleration = 500.0, kX = 110.0, kY = 110.0;
  const double ramp_s = kSpeed / kAcceleration, t = std::max(t_s, 0.0);
  const double speed = std::min(kAcceleration * t, kSpeed);
  const double length = t < ramp_s ? 0.5 * kAcceleration * t * t : kSpeed * (t - 0.5 * ramp_s);
  const double angle = length / kRadius;
  return {kX + kRadius * std::cos(angle), kY + kRadius * std::sin(angle), -speed * std::sin(angle),
          speed * std::cos(angle)};
}

void write_sample(const Setpoint& p, float sample[5]) {
  constexpr float kHeightMm = 0.2F;
  const float values[5] = {static_cast<float>(p.x), static_cast<float>(p.y), kHeightMm, static_cast<float>(p.vx),
                           static_cast<float>(p.vy)};
  std::copy(values, values + 5, sample);
}

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

void sleep_until(std::int64_t t_ns) {
  const timespec t{static_cast<time_t>(t_ns / 1'000'000'000), static_cast<long>(t_ns % 1'000'000'000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) != 0) {
  }
}

void print_row(const char* name, std::vector<double> us) {
  std::sort(us.begin(), us.end());
  const auto at = [&](double q) { return us[std::min(us.size() - 1, static_cast<std::size_t>(q * us.size()))]; };
  std::printf("%-34s %9.1f %9.1f %9.1f %9.1f\n", name, at(0.5), at(0.99), at(0.999), us.back());
}

struct Tick {
  double late_us, answer_us, total_us;  // the machine's own lateness; push to answer; scheduled time to answer
  double x_command, y_command;
  std::uint32_t flags;
};

std::vector<Tick> control(learn_rt::Client& client, const Settings& settings, std::size_t preview) {
  const double dt_s = 1.0 / settings.rate_hz;
  const auto n = static_cast<std::size_t>(settings.seconds * settings.rate_hz);
  const auto deadline = std::chrono::nanoseconds(static_cast<std::int64_t>(settings.deadline_us * 1e3));
  std::vector<Tick> ticks(n);  // all memory before the first tick

  // What lies between now and the preview is pushed ahead; those answers are for ticks before the first.
  float sample[5];
  learn_rt::Prediction prediction;
  for (std::size_t i = 0; i < preview; ++i) {
    write_sample(plan(static_cast<double>(i) * dt_s), sample);
    client.predict(sample, settings.client.connect_timeout);
  }
  const std::int64_t start_ns = now_ns() + 10'000'000;
  for (std::size_t k = 0; k < n; ++k) {
    const std::int64_t scheduled_ns = start_ns + static_cast<std::int64_t>(static_cast<double>(k) * dt_s * 1e9);
    sleep_until(scheduled_ns);  // an absolute schedule: lateness does not add up
    const std::int64_t woken_ns = now_ns();
    write_sample(plan(static_cast<double>(k + preview) * dt_s), sample);
    prediction = client.predict(sample, deadline);
    const std::int64_t answered_ns = now_ns();
    const Setpoint here = plan(static_cast<double>(k) * dt_s);
    ticks[k] = {
        static_cast<double>(woken_ns - scheduled_ns) * 1e-3,    static_cast<double>(prediction.latency_ns) * 1e-3,
        static_cast<double>(answered_ns - scheduled_ns) * 1e-3,
        here.x + static_cast<double>(prediction.values[0]),  // a driver would take the command here
        here.y + static_cast<double>(prediction.values[1]),     prediction.flags};
  }
  return ticks;
}

void report(const std::vector<Tick>& ticks, const learn_rt::Client& client) {
  std::vector<double> late, answer, total;
  for (const Tick& tick : ticks) {
    late.push_back(tick.late_us);
    answer.push_back(tick.answer_us);
    total.push_back(tick.total_us);
  }
  std::printf("%-34s %9s %9s %9s %9s\n", "us", "p50", "p99", "p99.9", "max");
  print_row("hiccup: the machine's own lateness", late);
  print_row("sample to answer", answer);
  print_row("scheduled time to answer", total);
  const auto stats = client.stats();
  std::printf("ticks %zu, missed %llu, late answers dropped %llu, overruns %llu, reconnects %llu\n", ticks.size(),
              static_cast<unsigned long long>(stats.missed), static_cast<unsigned long long>(stats.late),
              static_cast<unsigned long long>(stats.overruns), static_cast<unsigned long long>(stats.reconnects));
  if (!client.last_error().empty()) std::printf("stream down: %s\n", client.last_error().c_str());
}

void write_log(const std::vector<Tick>& ticks, const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) throw std::runtime_error(path + ": " + std::strerror(errno));
  std::fprintf(file, "x_mm,y_mm,flags\n");
  for (const Tick& tick : ticks) std::fprintf(file, "%.6f,%.6f,%u\n", tick.x_command, tick.y_command, tick.flags);
  if (std::fclose(file) != 0) throw std::runtime_error(path + ": " + std::strerror(errno));
}

constexpr const char* kUsage =
    "usage: controller_loop ADDRESS [MODEL] [--rate HZ] [--seconds S] [--deadline-us US] [--on-miss "
    "hold|zero|nominal]\n"
    "                       [--wait sleep|doze|spin] [--io-cpu N] [--log FILE]\n"
    "ADDRESS: inproc:REPOSITORY, unix:PATH, grpc://HOST:PORT or shm:NAME\n";

double number(const char* name, const char* text) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (end == text || *end != '\0' || !(value > 0.0) || value > 1e9)
    throw std::invalid_argument(std::string(name) + " must be a number above 0, got '" + text + "'");
  return value;
}

Settings read_arguments(int argc, char** argv) {
  Settings settings;
  int positional = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    const auto value = [&]() -> const char* {
      if (i + 1 == argc) throw std::invalid_argument(key + " needs a value");
      return argv[++i];
    };
    if (key == "--rate") {
      settings.rate_hz = number("--rate", value());
    } else if (key == "--seconds") {
      settings.seconds = number("--seconds", value());
    } else if (key == "--deadline-us") {
      settings.deadline_us = number("--deadline-us", value());
    } else if (key == "--wait") {
      const std::string wait = value();
      if (wait != "sleep" && wait != "doze" && wait != "spin")
        throw std::invalid_argument("--wait must be sleep, doze or spin, got '" + wait + "'");
      settings.client.wait = wait == "sleep"  ? learn_rt::Wait::kSleep
                             : wait == "doze" ? learn_rt::Wait::kDoze
                                              : learn_rt::Wait::kSpin;
    } else if (key == "--io-cpu") {
      settings.client.io_cpu = std::atoi(value());
    } else if (key == "--log") {
      settings.log = value();
    } else if (key == "--on-miss") {
      const std::string policy = value();
      if (policy != "hold" && policy != "zero" && policy != "nominal")
        throw std::invalid_argument("--on-miss must be hold, zero or nominal, got '" + policy + "'");
      settings.client.on_miss = policy == "hold"   ? learn_rt::OnMiss::kHold
                                : policy == "zero" ? learn_rt::OnMiss::kZero
                                                   : learn_rt::OnMiss::kNominal;
    } else if (key.rfind("--", 0) == 0 || positional == 2) {
      throw std::invalid_argument("unknown argument '" + key + "'");
    } else {
      (positional++ == 0 ? settings.address : settings.model) = key;
    }
  }
  if (positional == 0) throw std::invalid_argument("an ADDRESS is needed");
  if (settings.seconds * settings.rate_hz < 1.0) throw std::invalid_argument("--seconds must hold at least one tick");
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  Settings settings;
  try {
    settings = read_arguments(argc, argv);
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "controller_loop: %s\n%s", error.what(), kUsage);
    return 2;
  }
  try {
    settings.client.rest.resize(5);
    write_sample(plan(0.0), settings.client.rest.data());  // the printer has stood at the start of the path
    const auto client = learn_rt::Client::connect(settings.address, settings.model, settings.client);
    const auto spec = learn_rt::Spec::parse(client->spec_json());
    if (std::abs(spec.dt_s * settings.rate_hz - 1.0) > 1e-6)
      std::fprintf(
          stderr,
          "controller_loop: the model was trained at %g Hz, the loop runs at %g Hz: only its timing means something\n",
          1.0 / spec.dt_s, settings.rate_hz);
    if (spec.n_outputs() != 2) throw std::runtime_error("the model must answer offset_x and offset_y");
    const auto ticks = control(*client, settings, spec.preview);
    report(ticks, *client);
    if (!settings.log.empty()) write_log(ticks, settings.log);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "controller_loop: %s\n", error.what());
    return 1;
  }
  return 0;
}
