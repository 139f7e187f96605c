#pragma once

#include <pybind11/numpy.h>

#include <string>
#include <vector>

namespace learn_rt {

using FloatArray = pybind11::array_t<float, pybind11::array::c_style | pybind11::array::forcecast>;

// Returns `object` as a float32 array of a shape in which -1 stands for any size.
// Raises TypeError: not numbers; ValueError: another shape, with `advice` behind it.
inline FloatArray floats(const pybind11::object& object, const char* what, const std::vector<pybind11::ssize_t>& shape,
                         const char* advice = "") {
  const auto text = [](const auto& sizes) {
    std::string joined = "(";
    for (const auto n : sizes) joined += (joined.size() > 1 ? ", " : "") + (n == -1 ? "n" : std::to_string(n));
    return joined + (sizes.size() == 1 ? ",)" : ")");
  };
  const auto array = pybind11::array::ensure(object);
  if (!array || std::string("fiu").find(array.dtype().kind()) == std::string::npos) {
    PyErr_Clear();
    throw pybind11::type_error(std::string(what) + " must be an array of numbers, got " +
                               (array ? "dtype " + pybind11::str(array.dtype()).cast<std::string>()
                                      : std::string(Py_TYPE(object.ptr())->tp_name)));
  }
  bool fits = array.ndim() == static_cast<pybind11::ssize_t>(shape.size());
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    fits = shape[i] == -1 || array.shape(static_cast<pybind11::ssize_t>(i)) == shape[i];
  }
  if (!fits) {
    const std::vector<pybind11::ssize_t> got(array.shape(), array.shape() + array.ndim());
    throw pybind11::value_error(std::string(what) + " must have shape " + text(shape) + ", got " + text(got) +
                                (*advice != '\0' ? std::string(": ") + advice : ""));
  }
  return FloatArray::ensure(array);
}

}  // namespace learn_rt
