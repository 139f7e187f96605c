#pragma once

#include <cstddef>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "learn_rt/record/tape.h"

namespace learn_rt::record {

// The format is in docs/recording.md; learn_rt.recording reads it.
constexpr std::string_view kMagic{"LRTREC\r\n", 8};
constexpr std::uint32_t kFormat = 1;

struct Table {
  std::string name;
  std::size_t row_bytes, n_inputs, n_outputs;
  Snapshot rows;
};

// A recording's bytes: magic, format, header, tables, checksum.
std::string file_of(nlohmann::ordered_json header, const std::vector<Table>& tables);

// Writes a file that is there whole or not at all, mode 0600. Throws std::runtime_error: the path and the cause.
void write_whole(const std::filesystem::path& path, std::string_view bytes);

}  // namespace learn_rt::record
