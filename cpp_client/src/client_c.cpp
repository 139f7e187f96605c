#include "learn_rt/client_c.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>

#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "learn_rt/spec.h"

struct learn_rt_client {
  std::unique_ptr<learn_rt::Client> client;
  learn_rt::Spec spec;
};

namespace {

using learn_rt::ClientOptions;

static_assert(LEARN_RT_WARMING_UP == learn_rt::kWarmingUp && LEARN_RT_LIMITED == learn_rt::kLimited);
static_assert(LEARN_RT_OUT_OF_TRAINED_RANGE == learn_rt::kOutOfTrainedRange && LEARN_RT_REFUSED == learn_rt::kRefused);
static_assert(LEARN_RT_BY_POLICY == learn_rt::kByPolicy && LEARN_RT_REPLACED == learn_rt::kReplaced);

std::size_t write(const std::string& text, char* out, std::size_t size) noexcept {
  if (out != nullptr && size > 0) {
    const std::size_t n = std::min(text.size(), size - 1);
    std::memcpy(out, text.data(), n);
    out[n] = '\0';
  }
  return text.size();
}

std::string text_of(const char* text) { return text != nullptr ? text : ""; }

// One of the first `n` values of an enumeration.
template <typename Enum>
Enum choice(const char* name, int value, int n) {
  if (value < 0 || value >= n)
    throw std::runtime_error(std::string(name) + " must be 0 to " + std::to_string(n - 1) + ", got " +
                             std::to_string(value));
  return static_cast<Enum>(value);
}

void expect(const char* name, const void* list, std::size_t n) {
  if (n > 0 && list == nullptr) throw std::runtime_error(std::string(name) + " is NULL, and said to hold some");
}

ClientOptions read(const learn_rt_options& c) {
  if (c.size != sizeof(learn_rt_options))
    throw std::runtime_error("options must be of this library's size, " + std::to_string(sizeof(learn_rt_options)) +
                             " bytes, got " + std::to_string(c.size) +
                             ": call learn_rt_options_init() first, and build with the header of this library");
  expect("failover", c.failover, c.n_failover);
  expect("inputs", c.inputs, c.n_inputs);
  expect("envelope", c.envelope, c.n_envelope);
  expect("rest", c.rest, c.n_rest);
  if (!(c.connect_timeout_s > 0.0 && c.connect_timeout_s <= 1e6))
    throw std::runtime_error("connect_timeout_s must be above 0, to 1e6");
  ClientOptions options;
  if (c.version != nullptr) options.version = c.version;
  options.swap = choice<learn_rt::Swap>("swap", c.swap, 4);
  options.crossfade_s = c.crossfade_s;
  for (std::size_t i = 0; i < c.n_failover; ++i) options.failover.push_back(text_of(c.failover[i]));
  options.on_miss = choice<learn_rt::OnMiss>("on_miss", c.on_miss, 4);
  options.fallback_model = text_of(c.fallback_model);
  options.fault_after = c.fault_after;
  for (std::size_t i = 0; i < c.n_inputs; ++i) {
    const learn_rt_input_policy& policy = c.inputs[i];
    const auto action = [](const char* name, int value) { return choice<learn_rt::OnInput>(name, value, 4); };
    options.inputs.push_back({text_of(policy.signal), action("not_finite", policy.not_finite),
                              action("out_of_range", policy.out_of_range), action("stale", policy.stale),
                              policy.stale_s, policy.hold_s});
  }
  for (std::size_t i = 0; i < c.n_envelope; ++i) {
    const learn_rt_envelope& bounds = c.envelope[i];
    options.envelope.push_back({text_of(bounds.output), {bounds.value, bounds.rate, bounds.second}});
  }
  options.lead_s = c.lead_s;
  options.capacity = c.capacity;
  options.rest.assign(c.rest, c.rest + c.n_rest);
  options.contract_hash = text_of(c.contract_hash);
  options.connect_timeout = std::chrono::milliseconds(std::max(1LL, std::llround(c.connect_timeout_s * 1e3)));
  options.wait = choice<learn_rt::Wait>("wait", c.wait, 3);
  options.io_cpu = c.io_cpu;
  options.security = {text_of(c.tls_ca), text_of(c.tls_cert), text_of(c.tls_key), text_of(c.token_file), {}};
  options.record = text_of(c.record);
  options.record_s = c.record_s;
  return options;
}

void give(const learn_rt::Prediction& from, learn_rt_prediction* to) LEARN_RT_REALTIME {
  *to = {from.sequence, from.flags, from.n_outputs, from.version, from.latency_ns, from.values};
}

}  // namespace

void learn_rt_options_init(learn_rt_options* options) {
  const ClientOptions defaults;
  *options = {};
  options->size = sizeof *options;
  options->version = "stable";
  options->crossfade_s = defaults.crossfade_s;
  options->capacity = defaults.capacity;
  options->connect_timeout_s = 1e-3 * static_cast<double>(defaults.connect_timeout.count());
  options->wait = static_cast<int>(defaults.wait);
  options->io_cpu = defaults.io_cpu;
  options->record_s = defaults.record_s;
}

learn_rt_client* learn_rt_open(const char* address, const char* model, const learn_rt_options* options, char* error,
                               size_t error_size) {
  write("", error, error_size);
  try {
    if (address == nullptr || model == nullptr) throw std::runtime_error("address and model must not be NULL");
    auto opened = std::make_unique<learn_rt_client>();
    opened->client = learn_rt::Client::connect(address, model, options != nullptr ? read(*options) : ClientOptions());
    opened->spec = learn_rt::Spec::parse(opened->client->spec_json());
    return opened.release();
  } catch (const std::exception& what) {
    write(what.what(), error, error_size);
  } catch (...) {
    write("an error without a name", error, error_size);
  }
  return nullptr;
}

void learn_rt_close(learn_rt_client* client) { delete client; }

int learn_rt_push(learn_rt_client* client, const float* sample) { return client->client->try_push(sample) ? 1 : 0; }

int learn_rt_pop(learn_rt_client* client, learn_rt_prediction* prediction) {
  learn_rt::Prediction popped;
  if (!client->client->try_pop(popped)) return 0;
  give(popped, prediction);
  return 1;
}

void learn_rt_predict(learn_rt_client* client, const float* sample, int64_t deadline_ns, const float* nominal,
                      learn_rt_prediction* prediction) {
  give(client->client->predict(sample, std::chrono::nanoseconds(deadline_ns), nominal), prediction);
}

void learn_rt_latest(learn_rt_client* client, learn_rt_prediction* prediction) {
  give(client->client->latest(), prediction);
}

void learn_rt_due(learn_rt_client* client, uint64_t sequence, const float* nominal, learn_rt_prediction* prediction) {
  give(client->client->due(sequence, nominal), prediction);
}

int learn_rt_flush(learn_rt_client* client) { return client->client->flush() ? 1 : 0; }

void learn_rt_clear_fault(learn_rt_client* client) { client->client->clear_fault(); }
void learn_rt_rehearse(learn_rt_client* client) { client->client->rehearse(); }

int learn_rt_fault(const learn_rt_client* client) { return client->client->fault() ? 1 : 0; }

void learn_rt_read_stats(const learn_rt_client* client, learn_rt_stats* stats) {
  const learn_rt::ClientStats now = client->client->stats();
  *stats = {now.pushed,     now.answered,   now.missed,  now.late,     now.overruns, now.reconnects,
            now.duplicated, now.disordered, now.garbled, now.replaced, now.faults};
}

size_t learn_rt_n_features(const learn_rt_client* client) { return client->spec.n_features(); }
size_t learn_rt_n_outputs(const learn_rt_client* client) { return client->spec.n_outputs(); }
size_t learn_rt_preview(const learn_rt_client* client) { return client->spec.preview; }
size_t learn_rt_lead_ticks(const learn_rt_client* client) { return client->client->lead_ticks(); }
double learn_rt_dt_s(const learn_rt_client* client) { return client->spec.dt_s; }
const char* learn_rt_spec_json(const learn_rt_client* client) { return client->client->spec_json().c_str(); }

size_t learn_rt_last_error(const learn_rt_client* client, char* text, size_t size) {
  try {
    return write(client->client->last_error(), text, size);
  } catch (...) {
    return write("out of memory", text, size);
  }
}

size_t learn_rt_endpoint(const learn_rt_client* client, char* text, size_t size) {
  try {
    return write(client->client->endpoint(), text, size);
  } catch (...) {
    return write("", text, size);
  }
}

int learn_rt_dump(learn_rt_client* client, const char* reason, char* path, size_t size) {
  try {
    write(client->client->dump(reason != nullptr ? reason : "request"), path, size);
    return 1;
  } catch (const std::exception& what) {
    write(what.what(), path, size);
  } catch (...) {
    write("an error without a name", path, size);
  }
  return 0;
}
