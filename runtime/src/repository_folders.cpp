#include "learn_rt/repository_folders.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <system_error>

namespace learn_rt {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxEntries = 65536;  // of a folder that are looked at
constexpr std::size_t kMaxDigits = 18;      // of a version: below 2^63

// The entries of a folder, at most kMaxEntries; a folder that vanishes meanwhile ends early.
template <class Visit>
void each_entry(const fs::path& folder, Visit visit) {
  std::error_code error;
  fs::directory_iterator entry(folder, error);
  for (std::size_t n = 0; !error && entry != fs::directory_iterator() && n < kMaxEntries; ++n) {
    visit(*entry);
    entry.increment(error);
  }
}

std::int64_t version_of(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  std::error_code error;
  std::int64_t version = 0;
  const char* const end = name.data() + name.size();
  const bool whole = std::from_chars(name.data(), end, version).ptr == end;
  if (!whole || version < 1 || name[0] == '0' || name.size() > kMaxDigits || !entry.is_directory(error)) return 0;
  return version;
}

}  // namespace

std::vector<std::int64_t> version_folders(const fs::path& model) {
  std::vector<std::int64_t> versions;
  each_entry(model, [&](const fs::directory_entry& entry) {
    if (const std::int64_t version = version_of(entry); version != 0) versions.push_back(version);
  });
  std::sort(versions.begin(), versions.end());
  return versions;
}

std::vector<std::string> model_folders(const fs::path& repository) {
  std::vector<std::string> models;
  each_entry(repository, [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().filename().string();
    if (can_be_model(name) && !version_folders(entry.path()).empty()) models.push_back(name);
  });
  std::sort(models.begin(), models.end());
  return models;
}

bool can_be_model(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name[0] != '.' &&
         std::none_of(name.begin(), name.end(), [](char c) { return c == '/' || c == '\\' || c == '\0'; });
}

std::string fingerprint(const fs::path& version) {
  std::set<std::string> files;
  each_entry(version, [&](const fs::directory_entry& entry) {
    std::error_code error;
    const auto size = entry.file_size(error);
    const auto time = entry.last_write_time(error).time_since_epoch().count();
    files.insert(entry.path().filename().string() + " " + std::to_string(size) + " " + std::to_string(time));
  });
  std::string text;
  for (const std::string& file : files) text += file + "\n";
  return text;
}

}  // namespace learn_rt
