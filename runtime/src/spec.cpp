#include "learn_rt/spec.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>

#include "learn_rt/envelope.h"
#include "spec_json.h"

namespace learn_rt {
namespace {

using namespace spec_json;  // NOLINT: this file reads by it from end to end

constexpr std::size_t kMaxBytes = std::size_t{4} << 20;
constexpr std::int64_t kMaxElements = 4096;
constexpr std::int64_t kMaxWindow = 65536;

std::vector<std::size_t> read_shape(const json& value, const std::string& path) {
  std::vector<std::size_t> shape;
  std::size_t elements = 1;
  for (const json& n : array(value, path, 0, 8)) {
    shape.push_back(Object::to_count(n, path, 1, std::int64_t{1} << 24));
    elements *= shape.back();
    if (elements > std::size_t{1} << 24) fail(path, "too many elements");
  }
  return shape;
}

std::optional<std::pair<double, double>> read_range(const Object& signal, const std::string& key) {
  const json* found = signal.find(key);
  if (found == nullptr) return std::nullopt;
  const json& bounds = array(*found, signal.path(key), 2, 2);
  const std::pair<double, double> range{Object::to_number(bounds[0], signal.path(key)),
                                        Object::to_number(bounds[1], signal.path(key))};
  if (!(range.first < range.second)) fail(signal.path(key), "expected [low, high] with low below high");
  return range;
}

Envelope read_envelope(const json& value, const std::string& path, double dt_s) {
  const Object object(value, path, {"value", "rate", "second"});
  const Envelope envelope{object.number("value"), object.number("rate"), object.number("second")};
  if (!(envelope.value > 0 && envelope.rate > 0 && envelope.second > 0)) fail(path, "bounds must be above 0");
  if (!(envelope.value <= std::numeric_limits<float>::max())) fail(path, "value must fit a float");
  if (envelope.second * dt_s * dt_s < EnvelopeLimiter::finest_change(envelope.value)) {
    fail(path, "second * dt_s^2 is finer than a float at `value` can keep");
  }
  return envelope;
}

// The nominal value as it is answered: a float, inside the envelope.
float answerable(const Signal& signal, const std::string& path) {
  const auto nearest = static_cast<float>(signal.nominal);
  if (!std::isfinite(nearest)) fail(path, "must fit a float");
  const bool outside = signal.envelope && std::abs(static_cast<double>(nearest)) > signal.envelope->value;
  return outside ? std::nextafter(nearest, 0.0F) : nearest;
}

// A number for each element: one stands for all.
std::vector<double> read_each(const Object& signal, const std::string& key, double otherwise, std::size_t size) {
  const json* found = signal.find(key);
  if (found == nullptr || !found->is_array()) return std::vector<double>(size, signal.number(key, otherwise));
  std::vector<double> values;
  for (const json& value : array(*found, signal.path(key), size, size)) {
    values.push_back(Object::to_number(value, signal.path(key)));
  }
  return values;
}

// Whether a key has its first choice, which it has when it is missing.
bool read_choice(const Object& signal, const std::string& key, const char* first, const char* second) {
  const std::string choice = signal.find(key) == nullptr ? first : signal.text(key);
  if (choice != first && choice != second) {
    fail(signal.path(key), std::string("expected ") + first + " or " + second);
  }
  return choice == first;
}

std::vector<std::string> read_elements(const Object& signal, std::size_t size) {
  const json* found = signal.find("elements");
  if (found == nullptr || (found->is_array() && found->empty())) return {};
  const std::string path = signal.path("elements");
  std::vector<std::string> names;
  for (const json& name : array(*found, path, size, size)) {
    if (!name.is_string() || name.get_ref<const std::string&>().empty()) fail(path, "expected names");
    names.push_back(name.get<std::string>());
  }
  if (std::set<std::string>(names.begin(), names.end()).size() != size) fail(path, "a name appears twice");
  return names;
}

Signal read_signal(const json& value, const std::string& path, double dt_s) {
  const Object object(value, path,
                      {"name", "unit", "shape", "range_valid", "range_trained", "history", "major", "order", "scale",
                       "offset", "feedback_of", "nominal", "envelope", "elements"});
  Signal signal;
  signal.name = object.text("name");
  signal.unit = object.text("unit");
  if (signal.name.empty() || signal.name.size() > 512) fail(object.path("name"), "expected 1 to 128 characters");
  if (const json* shape = object.find("shape")) signal.shape = read_shape(*shape, object.path("shape"));
  if (signal.size() > kMaxElements) fail(object.path("shape"), "more than 4096 elements");
  signal.range_valid = read_range(object, "range_valid");
  signal.range_trained = read_range(object, "range_trained");
  signal.history = object.count("history", 1, 1, kMaxWindow);
  signal.scale = read_each(object, "scale", 1.0, signal.size());
  signal.offset = read_each(object, "offset", 0.0, signal.size());
  if (std::count(signal.scale.begin(), signal.scale.end(), 0.0) > 0) fail(object.path("scale"), "must not be 0");
  signal.nominal = object.number("nominal", 0.0);
  if (const json* envelope = object.find("envelope")) {
    signal.envelope = read_envelope(*envelope, object.path("envelope"), dt_s);
    if (std::abs(signal.nominal) > signal.envelope->value) fail(object.path("nominal"), "must be inside the envelope");
  }
  signal.nominal = answerable(signal, object.path("nominal"));
  signal.time_major = read_choice(object, "major", "time", "term");
  signal.newest_first = !read_choice(object, "order", "oldest", "newest");
  if (object.find("feedback_of") != nullptr) signal.feedback_of = object.text("feedback_of");
  signal.elements = read_elements(object, signal.size());
  return signal;
}

State read_state(const json& value, const std::string& path) {
  const Object object(value, path, {"name", "shape", "scope"});
  State state{object.text("name"), read_shape(object.get("shape"), object.path("shape")), Scope::kLane};
  if (state.name.empty() || state.name.size() > 128) fail(object.path("name"), "expected 1 to 128 characters");
  const std::string scope = object.text("scope");
  if (scope != "lane" && scope != "stream") fail(object.path("scope"), "expected lane or stream");
  if (scope == "stream") state.scope = Scope::kStream;
  return state;
}

template <class T, class Read>
std::vector<T> read_list(const json& value, const std::string& path, std::size_t low, Read read) {
  std::vector<T> list;
  std::set<std::string> names;
  for (const json& item : array(value, path, low, kMaxElements)) {
    const std::string at = path + "[" + std::to_string(list.size()) + "]";
    list.push_back(read(item, at));
    if (!names.insert(list.back().name).second) fail(at, "the name \"" + list.back().name + "\" is taken");
  }
  return list;
}

Kind read_kind(const Object& object) {
  const std::string kind = object.text("kind");
  if (kind == "pointwise") return Kind::kPointwise;
  if (kind == "window") return Kind::kWindow;
  if (kind == "stateful") return Kind::kStateful;
  if (kind == "rollout") return Kind::kRollout;
  fail(object.path("kind"), "expected pointwise, window, stateful or rollout");
}

std::string read_hash(const Object& object) {
  std::string hash = object.text("contract_hash");
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (hash.size() != 64 || !std::all_of(hash.begin(), hash.end(), hex)) {
    fail(object.path("contract_hash"), "expected 64 hexadecimal digits");
  }
  return hash;
}

// A row is the state, as the model answers it, and then the action.
void check_rollout(const Spec& spec) {
  if (spec.preview != 0) fail("$.preview", "must be 0 for a rollout");
  if (spec.inputs.size() <= spec.outputs.size()) fail("$.inputs", "expected a rollout's outputs and then its actions");
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
    const Signal& input = spec.inputs[i];
    const std::string path = "$.inputs[" + std::to_string(i) + "]";
    if (input.history != 1) fail(path, "a rollout's signals have no history");
    if (i >= spec.outputs.size()) {
      if (!input.feedback_of.empty()) fail(path, "expected an action, which no output feeds");
      continue;
    }
    const Signal& output = spec.outputs[i];
    if (output.envelope) fail("$.outputs[" + std::to_string(i) + "]", "a rollout's signals have no envelope");
    if (input.name != output.name || input.feedback_of != output.name || input.unit != output.unit ||
        input.shape != output.shape || input.scale != output.scale || input.offset != output.offset) {
      fail(path, "expected the output of the same place, with feedback_of its name");
    }
  }
}

// What comes back as an input is a whole output.
void check_feedback(const Spec& spec) {
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
    const std::string& name = spec.inputs[i].feedback_of;
    if (name.empty()) continue;
    const auto named = [&name](const Signal& output) { return output.name == name; };
    const auto found = std::find_if(spec.outputs.begin(), spec.outputs.end(), named);
    const std::string path = "$.inputs[" + std::to_string(i) + "].feedback_of";
    if (found == spec.outputs.end()) fail(path, "names no output");
    if (found->size() != spec.inputs[i].size()) fail(path, "names an output of another size");
  }
}

void check_normalization(const Object& object) {
  const json* found = object.find("normalization");
  if (found == nullptr) return;
  const Object normalization(*found, object.path("normalization"), {"inside_graph", "mean", "std"});
  if (normalization.get("inside_graph") != true) fail(normalization.path("inside_graph"), "must be true");
}

Weights to_weights(const json& value, const std::string& path) {
  constexpr std::pair<const char*, Weights> kForms[] = {{"fp32", Weights::kFp32},
                                                        {"bf16", Weights::kBf16},
                                                        {"int16", Weights::kInt16},
                                                        {"int8", Weights::kInt8},
                                                        {"mixed", Weights::kMixed}};
  for (const auto& [name, form] : kForms) {
    if (value == name) return form;
  }
  fail(path, "expected fp32, bf16, int16, int8 or mixed");
}

void read_weights(const Object& object, Spec& spec) {
  if (const json* form = object.find("weights")) spec.weights = to_weights(*form, "$.weights");
  if (const json* mix = object.find("weights_mix")) {
    for (const json& form : array(*mix, "$.weights_mix", 0, kMaxElements)) {
      spec.weights_mix.push_back(to_weights(form, "$.weights_mix"));
    }
  }
  const auto& mix = spec.weights_mix;
  if ((spec.weights == Weights::kMixed) == mix.empty() || std::count(mix.begin(), mix.end(), Weights::kMixed) > 0) {
    fail("$.weights_mix", "expected the form of each matrix when weights are mixed, and nothing otherwise");
  }
  spec.weights_tolerance = object.number("weights_tolerance", 0.0);
  if ((spec.weights == Weights::kFp32) != (spec.weights_tolerance == 0.0) || spec.weights_tolerance < 0) {
    fail("$.weights_tolerance", "must be above 0 for weights other than fp32, and is of no use for those");
  }
}

}  // namespace

std::size_t Signal::size() const noexcept {
  std::size_t product = 1;
  for (const std::size_t n : shape) product *= n;
  return product;
}

std::size_t Spec::n_features() const noexcept {
  std::size_t elements = 0;
  for (const Signal& signal : inputs) elements += signal.size() * signal.history;
  return elements;
}

std::size_t Spec::n_outputs() const noexcept {
  std::size_t elements = 0;
  for (const Signal& signal : outputs) elements += signal.size();
  return elements;
}

std::size_t Spec::warm_up() const noexcept { return std::max(window, preview + 1); }

std::size_t Spec::memory() const noexcept { return std::max(warm_up(), forgetting); }

Spec Spec::parse(std::string text) {
  if (text.size() > kMaxBytes) fail("$", "larger than " + std::to_string(kMaxBytes) + " bytes");
  const nlohmann::json body = parse_strictly(text);
  const Object object(body, "$",
                      {"format", "contract_hash", "name", "kind", "dt_s", "inputs", "outputs", "window", "preview",
                       "horizon", "dtype", "states", "normalization", "forgetting", "tolerance", "weights",
                       "weights_mix", "weights_tolerance", "provenance"});
  if (object.text("format") != "learn_rt.spec/1") fail("$.format", "expected \"learn_rt.spec/1\"");
  Spec spec;
  spec.contract_hash = read_hash(object);
  spec.name = object.text("name");
  const auto plain = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c >= 0x80; };
  if (spec.name.empty() || spec.name.size() > 256 || !std::all_of(spec.name.begin(), spec.name.end(), plain)) {
    fail("$.name", "expected 1 to 64 letters, digits, '-' or '_'");
  }
  spec.kind = read_kind(object);
  spec.dt_s = object.number("dt_s");
  if (!(spec.dt_s > 0)) fail("$.dt_s", "must be above 0");
  if (object.find("dtype") != nullptr && object.text("dtype") != "float32") fail("$.dtype", "expected float32");
  const auto signal = [&spec](const nlohmann::json& value, const std::string& path) {
    return read_signal(value, path, spec.dt_s);
  };
  spec.inputs = read_list<Signal>(object.get("inputs"), "$.inputs", 1, signal);
  spec.outputs = read_list<Signal>(object.get("outputs"), "$.outputs", 1, signal);
  if (const nlohmann::json* states = object.find("states"))
    spec.states = read_list<State>(*states, "$.states", 0, read_state);
  spec.window = object.count("window", 1, 1, kMaxWindow);
  const bool carries = spec.kind == Kind::kStateful;  // what it remembers is not bounded by a window
  const std::int64_t most = carries ? kMaxWindow : static_cast<std::int64_t>(spec.window);
  spec.preview = object.count("preview", 0, 0, most - 1);
  spec.horizon = object.count("horizon", 0, 0, kMaxWindow);
  if (spec.kind != Kind::kRollout && (spec.kind == Kind::kWindow) != (spec.window > 1)) {
    fail("$.window", "does not fit the kind");
  }
  if ((spec.kind == Kind::kRollout) != (spec.horizon > 0)) fail("$.horizon", "does not fit the kind");
  check_feedback(spec);
  if (spec.kind == Kind::kRollout) check_rollout(spec);
  check_normalization(object);
  spec.forgetting = object.count("forgetting", 0, 0, std::int64_t{1} << 24);
  spec.tolerance = object.number("tolerance", 0.0);
  if (spec.tolerance < 0) fail("$.tolerance", "must not be below 0");
  read_weights(object, spec);
  if (const nlohmann::json* provenance = object.find("provenance")) {
    if (!provenance->is_object()) fail("$.provenance", "expected an object");
  }
  if (spec.n_features() > std::size_t{1} << 20 || spec.n_features() * spec.window > std::size_t{1} << 24) {
    fail("$.inputs", "a window of more than 2^24 elements");
  }
  spec.json = std::move(text);
  return spec;
}

}  // namespace learn_rt
