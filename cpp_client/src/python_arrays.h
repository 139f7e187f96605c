#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cmath>
#include <cstdint>
#include <string>

namespace learn_rt::client {

namespace py = pybind11;

using Floats = py::array_t<float, py::array::c_style | py::array::forcecast>;

inline std::string shape_of(const py::array& array) {
  return py::str(py::tuple(array.attr("shape"))).cast<std::string>();
}

// float32 as it is; other real numbers are converted. Everything else is an error, not a guess.
inline Floats as_floats(const py::object& value, const char* name) {
  const py::array array = py::array::ensure(value);
  if (!array) {
    PyErr_Clear();
    throw py::type_error(std::string(name) + " must be an array of float32");
  }
  const char kind = array.dtype().kind();
  if (kind != 'f' && kind != 'i' && kind != 'u')
    throw py::type_error(std::string(name) + " must be an array of float32, got dtype " +
                         py::str(array.dtype()).cast<std::string>());
  return Floats(array);
}

inline Floats as_vector(const py::object& value, const char* name, std::size_t size, const char* hint = "") {
  Floats array = as_floats(value, name);
  if (array.ndim() != 1 || static_cast<std::size_t>(array.size()) != size)
    throw py::value_error(std::string(name) + " must have shape (" + std::to_string(size) + ",), got " +
                          shape_of(array) + hint);
  return array;
}

inline std::int64_t as_nanoseconds(double seconds, const char* name) {
  if (!(seconds >= 0.0) || seconds > 1e9)
    throw py::value_error(std::string(name) + " must be from 0 to 1e9 seconds, got " + std::to_string(seconds));
  return static_cast<std::int64_t>(std::llround(seconds * 1e9));
}

}  // namespace learn_rt::client
