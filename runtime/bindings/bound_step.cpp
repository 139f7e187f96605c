// A type of CPython's own, not pybind11's: finding the overload, its arguments and its result costs as much as a small
// net's step, and after settle() little of that lies in the cache.

#include "bound_step.h"

#include <structmember.h>

#include <cstddef>

#include "arrays.h"
#include "turn.h"

namespace py = pybind11;

namespace learn_rt {
namespace {

struct BoundStep {
  PyObject ob_base;  // PyObject_HEAD
  vectorcallfunc call;
  Session* session;
  std::atomic<bool>* busy;
  const float* sample;
  float* out;
  PyObject *owner, *sample_array, *out_array;  // kept alive
};

PyObject* step(PyObject* self, PyObject* const* /*arguments*/, std::size_t n, PyObject* names) {
  if (PyVectorcall_NARGS(n) != 0 || (names != nullptr && PyTuple_GET_SIZE(names) != 0)) {
    PyErr_SetString(PyExc_TypeError, "a bound step takes no arguments: it reads the sample that it was bound to");
    return nullptr;
  }
  const auto& bound = *reinterpret_cast<BoundStep*>(self);
  if (bound.busy->exchange(true, std::memory_order_acquire)) {
    PyErr_SetString(PyExc_RuntimeError, kOneThread);
    return nullptr;
  }
  const std::uint32_t flags = bound.session->step(bound.sample, bound.out);
  bound.busy->store(false, std::memory_order_release);
  return PyLong_FromUnsignedLong(flags);
}

void let_go(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  auto& bound = *reinterpret_cast<BoundStep*>(self);
  Py_XDECREF(bound.owner);
  Py_XDECREF(bound.sample_array);
  Py_XDECREF(bound.out_array);
  type->tp_free(self);
  Py_DECREF(type);
}

PyTypeObject* bound_step_type = nullptr;  // made once, with the module

}  // namespace

void bind_bound_step(py::module_& m) {
  static PyMemberDef members[] = {
      {"__vectorcalloffset__", T_PYSSIZET, static_cast<Py_ssize_t>(offsetof(BoundStep, call)), READONLY, nullptr},
      {nullptr, 0, 0, 0, nullptr}};
  static const char* const doc =
      "Steps from the sample that it was bound to into the answer that it was bound to; returns Flag bits.";
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(&let_go)},
                         {Py_tp_call, reinterpret_cast<void*>(&PyVectorcall_Call)},
                         {Py_tp_members, members},
                         {Py_tp_doc, const_cast<char*>(doc)},
                         {0, nullptr}};
  PyType_Spec spec{"learn_rt._runtime.BoundStep", sizeof(BoundStep), 0,
                   Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  PyObject* type = PyType_FromSpec(&spec);
  if (type == nullptr) throw py::error_already_set();
  bound_step_type = reinterpret_cast<PyTypeObject*>(type);
  m.attr("BoundStep") = py::reinterpret_borrow<py::object>(type);
}

py::object make_bound_step(const py::object& owner, Session& session, std::atomic<bool>& busy, const py::object& sample,
                           const py::object& out) {
  const auto n_features = static_cast<py::ssize_t>(session.n_features());
  const auto n_outputs = static_cast<py::ssize_t>(session.n_outputs());
  const float* x = floats_to_read(sample, "sample", n_features);
  float* y = floats_to_write(out, "out", n_outputs);
  check_apart(x, n_features, y, n_outputs);
  auto* bound = reinterpret_cast<BoundStep*>(bound_step_type->tp_alloc(bound_step_type, 0));
  if (bound == nullptr) throw py::error_already_set();
  bound->call = &step;
  bound->session = &session;
  bound->busy = &busy;
  bound->sample = x;
  bound->out = y;
  bound->owner = py::object(owner).release().ptr();
  bound->sample_array = py::object(sample).release().ptr();
  bound->out_array = py::object(out).release().ptr();
  return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(bound));
}

}  // namespace learn_rt
