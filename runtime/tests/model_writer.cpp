#include "model_writer.h"

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <utility>

#include "sha256.h"

namespace learn_rt::testing {
namespace {

void append(std::string& bytes, std::uint64_t value, int width) {
  for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i));
}

std::string npy(const std::string& type, const std::string& shape, const void* data, std::size_t size) {
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.resize((header.size() + 10 + 63) / 64 * 64 - 10, ' ');
  std::string bytes("\x93NUMPY\x01\x00", 8);
  append(bytes, header.size(), 2);
  return bytes + header + std::string(static_cast<const char*>(data), size);
}

// A zip file of stored members; nobody checks their CRC.
std::string zip(const std::vector<std::pair<std::string, std::string>>& members) {
  std::string file, directory;
  for (const auto& [name, data] : members) {
    const std::size_t at = file.size();
    append(file, 0x04034b50, 4);
    append(file, 20, 2), append(file, 0, 8), append(file, 0, 4);
    append(file, data.size(), 4), append(file, data.size(), 4);
    append(file, name.size(), 2), append(file, 0, 2);
    file += name + data;
    append(directory, 0x02014b50, 4);
    append(directory, 0x0014'0014, 4), append(directory, 0, 8), append(directory, 0, 4);
    append(directory, data.size(), 4), append(directory, data.size(), 4);
    append(directory, name.size(), 2), append(directory, 0, 8), append(directory, 0, 4), append(directory, at, 4);
    directory += name;
  }
  const std::size_t start = file.size();
  file += directory;
  append(file, 0x06054b50, 4), append(file, 0, 4);
  append(file, members.size(), 2), append(file, members.size(), 2);
  append(file, directory.size(), 4), append(file, start, 4), append(file, 0, 2);
  return file;
}

}  // namespace

void write_model_folder(const std::filesystem::path& folder, const std::string& spec,
                        const std::map<std::string, std::string>& graphs, const Golden& golden) {
  std::map<std::string, std::string> files = graphs;
  files["spec.json"] = spec;
  std::vector<std::pair<std::string, std::string>> arrays{
      {"x.npy", npy("<f4", golden.x_shape, golden.x.data(), golden.x.size() * sizeof(float))},
      {"y.npy", npy("<f8", golden.y_shape, golden.y.data(), golden.y.size() * sizeof(double))}};
  if (!golden.actions_shape.empty()) {
    const std::size_t bytes = golden.actions.size() * sizeof(float);
    arrays.emplace_back("actions.npy", npy("<f4", golden.actions_shape, golden.actions.data(), bytes));
  }
  files["golden.npz"] = zip(arrays);
  std::string sums;
  for (const auto& [name, bytes] : files) {
    std::ofstream(folder / name, std::ios::binary) << bytes;
    sums += sha256(bytes) + "  " + name + "\n";
  }
  std::ofstream(folder / "SHA256SUMS") << sums;
}

std::filesystem::path temporary_folder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "learn_rt_XXXXXX").string();
  return mkdtemp(pattern.data());
}

}  // namespace learn_rt::testing
