#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace learn_rt {

// An array of an .npz file: '<f4' or '<f8', in C order.
struct NpyArray {
  std::vector<std::size_t> shape;
  bool is_double = false;
  std::string_view bytes;  // into the file

  std::size_t size() const noexcept;
  std::vector<float> floats() const;    // '<f4' only
  std::vector<double> doubles() const;  // either
};

// Reads what numpy.savez writes: a zip of stored members, each a .npy. Nothing is decompressed or executed: a
// compressed member, an object array or another element type is an error, and so is a size that the file does not hold.
// Throws std::runtime_error. `file` must outlive the arrays.
std::map<std::string, NpyArray> read_npz(std::string_view file);

}  // namespace learn_rt
