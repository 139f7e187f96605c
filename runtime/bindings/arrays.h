#pragma once

#include <pybind11/numpy.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

namespace learn_rt {

using FloatArray = pybind11::array_t<float, pybind11::array::c_style | pybind11::array::forcecast>;
using Shape = std::initializer_list<pybind11::ssize_t>;  // -1 stands for any size

template <typename Sizes>
bool has_shape(const pybind11::detail::PyArray_Proxy* array, const Sizes& shape) {
  return array->nd == static_cast<int>(shape.size()) &&
         std::equal(shape.begin(), shape.end(), array->dimensions,
                    [](pybind11::ssize_t asked, pybind11::ssize_t n) { return asked == -1 || asked == n; });
}

// The array in `object` when it is of this machine's float32, aligned, in C order and of this shape, so that it can be
// used as it lies; else null. Makes nothing: a call of microseconds has no time for it.
template <typename Sizes = Shape>
pybind11::detail::PyArray_Proxy* as_it_lies(pybind11::handle object, const Sizes& shape) {
  using pybind11::detail::npy_api;
  static PyObject* const float32 = pybind11::dtype::of<float>().release().ptr();  // numpy keeps one for all arrays
  constexpr int kAsItLies = npy_api::NPY_ARRAY_C_CONTIGUOUS_ | npy_api::NPY_ARRAY_ALIGNED_;
  if (!pybind11::isinstance<pybind11::array>(object)) return nullptr;
  auto* array = pybind11::detail::array_proxy(object.ptr());
  const bool ready = array->descr == float32 && (array->flags & kAsItLies) == kAsItLies && has_shape(array, shape);
  return ready ? array : nullptr;
}

// "(n, 5)"
template <typename Sizes>
std::string shape_text(const Sizes& sizes) {
  std::string joined = "(";
  for (const auto n : sizes) joined += (joined.size() > 1 ? ", " : "") + (n == -1 ? "n" : std::to_string(n));
  return joined + (sizes.size() == 1 ? ",)" : ")");
}

// Returns `object` as a float32 array of this shape: as it lies where it can be, else a copy.
// Raises TypeError: not numbers; ValueError: another shape, with `advice` behind it.
template <typename Sizes = Shape>
FloatArray floats(const pybind11::object& object, const char* what, const Sizes& shape, const char* advice = "") {
  if (as_it_lies(object, shape) != nullptr) return pybind11::reinterpret_borrow<FloatArray>(object);
  const auto array = pybind11::array::ensure(object);
  if (!array || std::string("fiu").find(array.dtype().kind()) == std::string::npos) {
    PyErr_Clear();
    throw pybind11::type_error(std::string(what) + " must be an array of numbers, got " +
                               (array ? "dtype " + pybind11::str(array.dtype()).cast<std::string>()
                                      : std::string(Py_TYPE(object.ptr())->tp_name)));
  }
  if (!has_shape(pybind11::detail::array_proxy(array.ptr()), shape)) {
    const std::vector<pybind11::ssize_t> got(array.shape(), array.shape() + array.ndim());
    throw pybind11::value_error(std::string(what) + " must have shape " + shape_text(shape) + ", got " +
                                shape_text(got) + (*advice != '\0' ? std::string(": ") + advice : ""));
  }
  return FloatArray::ensure(array);
}

// Where n floats of an array that the caller keeps lie. Raises ValueError: only a copy could be read.
inline const float* floats_to_read(const pybind11::object& object, const char* what, pybind11::ssize_t n) {
  const auto* array = as_it_lies(object, {n});
  if (array == nullptr) {
    throw pybind11::value_error(std::string(what) + " must be a float32 array of shape " + shape_text(Shape{n}) +
                                " in one piece");
  }
  return reinterpret_cast<const float*>(array->data);
}

// The same, to write into. Raises ValueError: the answer would go into a copy.
inline float* floats_to_write(const pybind11::object& object, const char* what, pybind11::ssize_t n) {
  auto* array = as_it_lies(object, {n});
  if (array == nullptr || (array->flags & pybind11::detail::npy_api::NPY_ARRAY_WRITEABLE_) == 0) {
    throw pybind11::value_error(std::string(what) + " must be a writable float32 array of shape " +
                                shape_text(Shape{n}) + " in one piece");
  }
  return reinterpret_cast<float*>(array->data);
}

// Raises ValueError: the answer would be written over the sample.
inline void check_apart(const float* sample, pybind11::ssize_t n, const float* out, pybind11::ssize_t n_out) {
  if (sample < out + n_out && out < sample + n) {
    throw pybind11::value_error("out must not share memory with the sample");
  }
}

}  // namespace learn_rt
