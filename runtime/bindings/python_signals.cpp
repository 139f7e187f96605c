#include "python_signals.h"

#include <pybind11/stl.h>

#include "arrays.h"
#include "learn_rt/signal_session.h"
#include "turn.h"

namespace py = pybind11;

namespace learn_rt {
namespace {

constexpr const char* kHistory = "give its newest value only, the history is kept here";

// One named signal of a mapping: its shape, and where its values lie.
struct Slot {
  py::str name;
  std::vector<py::ssize_t> shape;
  std::size_t at, size;
  const char* advice;
};

std::vector<Slot> slots(const std::vector<Signal>& signals) {
  std::vector<Slot> result;
  std::size_t at = 0;
  for (const Signal& signal : signals) {
    if (!signal.feedback_of.empty()) continue;
    const std::vector<py::ssize_t> shape(signal.shape.begin(), signal.shape.end());
    result.push_back({py::str(signal.name), shape, at, signal.size(), signal.history > 1 ? kHistory : ""});
    at += signal.size();
  }
  return result;
}

// A mapping's arrays, one for each slot, of its shape with `leading` before it.
// Raises ValueError: a signal is missing, is not known, or has another shape.
std::vector<FloatArray> read(const std::vector<Slot>& slots, const py::dict& given,
                             const std::vector<py::ssize_t>& leading) {
  std::vector<FloatArray> arrays;
  for (const Slot& slot : slots) {
    PyObject* value = PyDict_GetItemWithError(given.ptr(), slot.name.ptr());
    if (value == nullptr) throw py::value_error("missing: " + slot.name.cast<std::string>());
    std::vector<py::ssize_t> shape = leading;
    shape.insert(shape.end(), slot.shape.begin(), slot.shape.end());
    const std::string name = slot.name;
    arrays.push_back(floats(py::reinterpret_borrow<py::object>(value), name.c_str(), shape, slot.advice));
  }
  if (given.size() == slots.size()) return arrays;
  std::string known;
  for (const Slot& slot : slots) known += (known.empty() ? "" : ", ") + slot.name.cast<std::string>();
  for (const auto& item : given) {
    const auto same = [&item](const Slot& slot) { return slot.name.equal(item.first); };
    if (std::none_of(slots.begin(), slots.end(), same)) {
      throw py::value_error("the model takes no " + py::repr(item.first).cast<std::string>() + ": it takes " + known);
    }
  }
  return arrays;
}

py::dict write(const std::vector<Slot>& slots, const float* values) {
  py::dict result;
  for (const Slot& slot : slots) {
    py::array_t<float> array(slot.shape);
    std::copy(values + slot.at, values + slot.at + slot.size, array.mutable_data());
    result[slot.name] = std::move(array);
  }
  return result;
}

class PySignals {
 public:
  PySignals(const Model& model, const SignalOptions& options)
      : session_(model, options), inputs_(slots(session_.spec().inputs)), outputs_(slots(session_.spec().outputs)) {
    for (const Signal& signal : session_.spec().inputs) {
      if (to_ == nullptr && signal.feedback_of.empty()) to_ = session_.input(signal.name);
    }
    from_ = session_.output(session_.spec().outputs.front().name);
  }

  void begin() {
    const Turn turn(busy_, kOneThread);
    session_.begin();
  }

  py::tuple step(const py::dict& signals) {
    const Turn turn(busy_, kOneThread);
    const auto arrays = read(inputs_, signals, {});
    for (std::size_t i = 0; i < arrays.size(); ++i) put(i, arrays[i].data());
    const std::uint32_t flags = session_.step();
    return py::make_tuple(write(outputs_, from_), flags);
  }

  void settle() {
    const Turn turn(busy_, kOneThread);
    session_.settle();
  }

  py::tuple run(const py::dict& signals) {
    const Turn turn(busy_, kOneThread);
    const auto arrays = read(inputs_, signals, {-1});
    const py::ssize_t n = arrays.front().shape(0);
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      if (arrays[i].shape(0) == n) continue;
      throw py::value_error(inputs_[i].name.cast<std::string>() + " has " + std::to_string(arrays[i].shape(0)) +
                            " ticks, " + inputs_.front().name.cast<std::string>() + " has " + std::to_string(n));
    }
    py::array_t<std::uint32_t> flags(n);
    std::vector<py::array_t<float>> results;
    py::dict answers;
    for (const Slot& slot : outputs_) {
      std::vector<py::ssize_t> shape{n};
      shape.insert(shape.end(), slot.shape.begin(), slot.shape.end());
      results.emplace_back(shape);
      answers[slot.name] = results.back();
    }
    for (py::ssize_t t = 0; t < n; ++t) {
      for (std::size_t i = 0; i < arrays.size(); ++i) {
        put(i, arrays[i].data() + static_cast<std::size_t>(t) * inputs_[i].size);
      }
      flags.mutable_data()[t] = session_.step();
      for (std::size_t i = 0; i < outputs_.size(); ++i) {
        const Slot& slot = outputs_[i];
        std::copy(from_ + slot.at, from_ + slot.at + slot.size,
                  results[i].mutable_data() + static_cast<std::size_t>(t) * slot.size);
      }
    }
    return py::make_tuple(std::move(answers), std::move(flags));
  }

 private:
  void put(std::size_t i, const float* values) { std::copy(values, values + inputs_[i].size, to_ + inputs_[i].at); }

  SignalSession session_;
  std::vector<Slot> inputs_, outputs_;
  float* to_ = nullptr;
  const float* from_ = nullptr;
  std::atomic<bool> busy_{false};
};

class PyObservation {
 public:
  explicit PyObservation(const Spec& spec)
      : observation_(spec),
        inputs_(slots(spec.inputs)),
        outputs_(slots(spec.outputs)),
        values_(observation_.n_values()) {}

  void begin() { observation_.begin(); }

  py::array_t<float> sample(const py::dict& signals) {
    const auto arrays = read(inputs_, signals, {});
    for (std::size_t i = 0; i < arrays.size(); ++i) {
      std::copy_n(arrays[i].data(), inputs_[i].size, values_.data() + inputs_[i].at);
    }
    py::array_t<float> features(static_cast<py::ssize_t>(observation_.n_features()));
    observation_.sample(values_.data(), features.mutable_data());
    return features;
  }

  py::dict answer(const py::object& given) {
    const FloatArray y = floats(given, "an answer", {static_cast<py::ssize_t>(observation_.n_outputs())});
    std::vector<float> units(observation_.n_outputs());
    observation_.answer(y.data(), units.data());
    return write(outputs_, units.data());
  }

 private:
  Observation observation_;
  std::vector<Slot> inputs_, outputs_;
  std::vector<float> values_;
};

std::unique_ptr<PySignals> open_signals(const Model& model, const std::optional<ElementNames>& elements, bool reorder,
                                        std::size_t every, const std::string& between) {
  if (between != "hold" && between != "linear") throw py::value_error("between must be hold or linear, got " + between);
  SignalOptions options;
  options.elements = elements.value_or(ElementNames{});
  options.reorder = reorder;
  options.every = every;
  options.between = between == "hold" ? Between::kHold : Between::kLinear;
  try {
    return std::make_unique<PySignals>(model, options);
  } catch (const std::runtime_error& error) {
    throw py::value_error(error.what());
  }
}

}  // namespace

void bind_signals(py::module_& m, py::class_<Model, std::shared_ptr<Model>>& model) {
  py::class_<PySignals>(m, "SignalSession",
                        "A session that takes and gives named signals in their units. One thread at a time.")
      .def("begin", &PySignals::begin, "Forget everything.")
      .def("step", &PySignals::step, py::arg("signals"),
           "Return ({output: value in its unit}, Flag bits) for one tick, {input: value in its unit}.")
      .def("settle", &PySignals::settle, "Do the work that does not need the next tick, once the answer is out.")
      .def("run", &PySignals::run, py::arg("signals"),
           "Return ({output: (n, *shape)}, Flag bits (n,) uint32) for a recording, {input: (n, *shape)}.");

  py::class_<PyObservation>(m, "Observation",
                            "Makes a model's samples of named signals, for a model that runs elsewhere.")
      .def(py::init([](const py::object& spec) {
             return std::make_unique<PyObservation>(Spec::parse(spec.attr("to_json")().cast<std::string>()));
           }),
           py::arg("spec"))
      .def("begin", &PyObservation::begin, "Forget all ticks.")
      .def("sample", &PyObservation::sample, py::arg("signals"),
           "Return the sample (n_features,) float32 of one tick, {input: value in its unit}.")
      .def("answer", &PyObservation::answer, py::arg("answer"),
           "Return {output: value in its unit} for an answer (n_outputs,), which comes back with the next sample.");

  model.def(
      "signals", &open_signals, py::kw_only(), py::arg("elements") = py::none(), py::arg("reorder") = false,
      py::arg("every") = 1, py::arg("between") = "hold",
      "Return a new session that takes and gives named signals.\n\n"
      "Args: elements: {signal: the names of its elements in your order}; another order than the model's is\n"
      "refused by name, or with `reorder` turned into the model's. every: ticks that an answer serves; the model\n"
      "runs on the first. between: hold, or linear, from the last answer to the new one.\n"
      "Raises: ValueError: a signal or an order that is not the model's.");
}

}  // namespace learn_rt
