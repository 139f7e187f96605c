#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace learn_rt::testing {

// golden.npz: the arrays and their shapes, as "20, 6, 3".
struct Golden {
  std::string x_shape;
  std::vector<float> x;
  std::string y_shape;
  std::vector<double> y;
  std::string actions_shape = {};  // empty: none, as it is of every kind but a rollout
  std::vector<float> actions = {};
};

// Writes spec.json, the graphs by file name, golden.npz and SHA256SUMS into a folder that is there.
void write_model_folder(const std::filesystem::path& folder, const std::string& spec,
                        const std::map<std::string, std::string>& graphs, const Golden& golden);

// A folder of its own under the temporary one.
std::filesystem::path temporary_folder();

}  // namespace learn_rt::testing
