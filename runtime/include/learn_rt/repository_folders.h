#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace learn_rt {

// What a repository's folder holds, <repository>/<name>/<version>/. A folder that cannot be read holds nothing.

// The versions in a model's folder, ascending: its folders whose names are positive integers. Hidden ones are none: an
// export in progress is one.
std::vector<std::int64_t> version_folders(const std::filesystem::path& model);

// The models in a repository, by name: its folders with a version.
std::vector<std::string> model_folders(const std::filesystem::path& repository);

// Whether a stranger's text can be the name of a model's folder.
bool can_be_model(const std::string& name);

// The names, sizes and times of a version's files: another text when one of them has changed.
std::string fingerprint(const std::filesystem::path& version);

}  // namespace learn_rt
