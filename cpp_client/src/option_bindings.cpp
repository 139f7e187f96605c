#include "option_bindings.h"

#include <initializer_list>
#include <utility>

namespace learn_rt::client {
namespace {

namespace py = pybind11;

template <typename Enum>
Enum choice(const std::string& option, const std::string& name,
            std::initializer_list<std::pair<const char*, Enum>> choices) {
  std::string names;
  std::size_t left = choices.size();
  for (const auto& [known, value] : choices) {
    if (name == known) return value;
    --left;
    names += std::string("'") + known + "'" + (left > 1 ? ", " : left == 1 ? " or " : "");
  }
  throw py::value_error(option + " must be " + names + ", got '" + name + "'");
}

std::string as_text(const std::string& option, py::handle value) {
  if (!py::isinstance<py::str>(value)) throw py::type_error(option + " must be a string");
  return value.cast<std::string>();
}

double as_number(const std::string& option, py::handle value) {
  if (!py::isinstance<py::float_>(value) && !py::isinstance<py::int_>(value))
    throw py::type_error(option + " must be a number");
  return value.cast<double>();
}

py::dict as_dict(const std::string& option, py::handle value) {
  if (!py::isinstance<py::dict>(value)) throw py::type_error(option + " must be a dict");
  return py::reinterpret_borrow<py::dict>(value);
}

}  // namespace

OnMiss as_on_miss(const std::string& name) {
  return choice<OnMiss>("on_miss", name,
                        {{"hold", OnMiss::kHold},
                         {"zero", OnMiss::kZero},
                         {"nominal", OnMiss::kNominal},
                         {"fallback", OnMiss::kFallback}});
}

Swap as_swap(const std::string& name) {
  return choice<Swap>(
      "swap", name,
      {{"pinned", Swap::kPinned}, {"now", Swap::kNow}, {"at_rest", Swap::kAtRest}, {"crossfade", Swap::kCrossfade}});
}

Wait as_wait(const std::string& name) {
  return choice<Wait>("wait", name, {{"sleep", Wait::kSleep}, {"doze", Wait::kDoze}, {"spin", Wait::kSpin}});
}

std::vector<InputPolicy> as_input_policies(const py::dict& inputs) {
  std::vector<InputPolicy> policies;
  for (const auto& [signal, asked] : inputs) {
    InputPolicy policy;
    policy.signal = as_text("inputs' key", signal);
    const std::string where = "inputs['" + policy.signal + "']";
    for (const auto& [key, value] : as_dict(where, asked)) {
      const std::string name = as_text(where + "'s key", key), option = where + "['" + name + "']";
      const auto action = [&] {
        return choice<OnInput>(
            option, as_text(option, value),
            {{"pass", OnInput::kPass}, {"hold", OnInput::kHold}, {"clamp", OnInput::kClamp}, {"miss", OnInput::kMiss}});
      };
      if (name == "not_finite") {
        policy.not_finite = action();
      } else if (name == "out_of_range") {
        policy.out_of_range = action();
      } else if (name == "stale") {
        policy.stale = action();
      } else if (name == "stale_s") {
        policy.stale_s = as_number(option, value);
      } else if (name == "hold_s") {
        policy.hold_s = as_number(option, value);
      } else {
        throw py::value_error(option + " is unknown: not_finite, out_of_range, stale, stale_s and hold_s are");
      }
    }
    policies.push_back(std::move(policy));
  }
  return policies;
}

std::vector<OutputEnvelope> as_envelopes(const py::dict& envelope) {
  std::vector<OutputEnvelope> envelopes;
  for (const auto& [output, bounds] : envelope) {
    const std::string name = as_text("envelope's key", output), where = "envelope['" + name + "']";
    const py::dict asked = as_dict(where, bounds);
    const auto bound = [&](const char* key) {
      if (asked.size() != 3 || !asked.contains(key))
        throw py::value_error(where + " must hold value, rate and second, and nothing else");
      return as_number(where + "['" + key + "']", asked[key]);
    };
    envelopes.push_back({name, {bound("value"), bound("rate"), bound("second")}});
  }
  return envelopes;
}

}  // namespace learn_rt::client
