#include "npz.h"

#include <cstring>
#include <stdexcept>

namespace learn_rt {
namespace {

constexpr std::size_t kMaxMembers = 64;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("npz: " + what); }

// Little-endian fields at checked places.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number(std::size_t at, std::size_t width) const {
    const std::string_view field = part(at, width);
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value |= std::uint64_t{static_cast<unsigned char>(field[i])} << (8 * i);
    return value;
  }

  std::string_view part(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) fail("truncated");
    return bytes_.substr(at, size);
  }

  std::size_t size() const { return bytes_.size(); }

 private:
  std::string_view bytes_;
};

// Returns the text after `'key': ` in a .npy header, which is a Python dict literal.
std::string_view header_value(std::string_view header, const std::string& key) {
  const std::size_t at = header.find("'" + key + "':");
  if (at == std::string_view::npos) fail("a .npy header lacks '" + key + "'");
  std::string_view rest = header.substr(at + key.size() + 3);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  return rest;
}

std::vector<std::size_t> read_shape(std::string_view text) {
  std::vector<std::size_t> shape;
  if (text.empty() || text[0] != '(') fail("a .npy shape must be a tuple");
  std::size_t i = 1;
  while (true) {
    while (i < text.size() && (text[i] == ' ' || text[i] == ',')) ++i;
    if (i >= text.size()) fail("a .npy shape has no end");
    if (text[i] == ')') return shape;
    std::size_t n = 0;
    const std::size_t begin = i;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
      n = n * 10 + static_cast<std::size_t>(text[i] - '0');
      if (n > std::size_t{1} << 40) fail("a .npy dimension is too large");
    }
    if (i == begin || shape.size() == 8) fail("a .npy shape must be up to 8 whole numbers");
    shape.push_back(n);
  }
}

NpyArray read_npy(const std::string& name, std::string_view file) {
  const Bytes bytes(file);
  if (bytes.part(0, 6) != std::string_view("\x93NUMPY", 6)) fail(name + " is no .npy array");
  const bool wide = bytes.number(6, 1) >= 2;  // versions 2 and 3 have a 4-byte header size
  const std::size_t start = wide ? 12 : 10;
  const std::size_t length = bytes.number(8, wide ? 4 : 2);
  const std::string_view header = bytes.part(start, length);

  NpyArray array;
  const std::string_view type = header_value(header, "descr");
  if (type.rfind("'<f4'", 0) != 0 && type.rfind("'<f8'", 0) != 0) fail(name + ": expected '<f4' or '<f8' elements");
  array.is_double = type[3] == '8';
  if (header_value(header, "fortran_order").rfind("False", 0) != 0) fail(name + ": expected C order");
  array.shape = read_shape(header_value(header, "shape"));

  std::size_t elements = 1;
  for (const std::size_t n : array.shape) {
    if (n != 0 && elements > file.size() / n) fail(name + ": larger than the file");
    elements *= n;
  }
  array.bytes = bytes.part(start + length, elements * (array.is_double ? 8 : 4));
  return array;
}

}  // namespace

std::size_t NpyArray::size() const noexcept { return bytes.size() / (is_double ? 8 : 4); }

std::vector<float> NpyArray::floats() const {
  if (is_double) fail("expected float32 elements");
  std::vector<float> values(size());
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::vector<double> NpyArray::doubles() const {
  if (!is_double) {
    const std::vector<float> narrow = floats();
    return {narrow.begin(), narrow.end()};
  }
  std::vector<double> values(size());
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

std::map<std::string, NpyArray> read_npz(std::string_view file) {
  const Bytes bytes(file);
  // The end record, without a comment behind it: 22 bytes.
  if (file.size() < 22) fail("truncated");
  const std::size_t end = file.size() - 22;
  if (bytes.number(end, 4) != 0x06054b50) fail("no zip directory at the end");
  const std::size_t members = bytes.number(end + 10, 2);
  if (members > kMaxMembers) fail("more than " + std::to_string(kMaxMembers) + " arrays");

  std::map<std::string, NpyArray> arrays;
  std::uint64_t at = bytes.number(end + 16, 4);
  for (std::size_t i = 0; i < members; ++i) {
    if (bytes.number(at, 4) != 0x02014b50) fail("broken zip directory");
    const std::size_t name_size = bytes.number(at + 28, 2);
    const std::string name(bytes.part(at + 46, name_size));
    if (bytes.number(at + 10, 2) != 0) fail(name + " is compressed: write it with numpy.savez");
    const std::uint64_t packed = bytes.number(at + 20, 4), size = bytes.number(at + 24, 4);
    if (packed != size) fail(name + ": a stored member has one size");
    const std::uint64_t local = bytes.number(at + 42, 4);
    if (bytes.number(local, 4) != 0x04034b50) fail(name + ": broken zip member");
    const std::uint64_t data = local + 30 + bytes.number(local + 26, 2) + bytes.number(local + 28, 2);
    if (name.size() < 5 || name.substr(name.size() - 4) != ".npy") fail(name + " is no .npy array");
    const std::string key = name.substr(0, name.size() - 4);
    if (!arrays.emplace(key, read_npy(name, bytes.part(data, size))).second) fail(name + " appears twice");
    at += 46 + name_size + bytes.number(at + 30, 2) + bytes.number(at + 32, 2);
  }
  return arrays;
}

}  // namespace learn_rt
