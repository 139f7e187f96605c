#pragma once

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

// Strict reading of spec.json: what is not as it must be is an error that names its path.
namespace learn_rt::spec_json {

using nlohmann::json;

// Throws std::runtime_error.
[[noreturn]] void fail(const std::string& path, const std::string& what);

// Parses JSON and refuses what nlohmann would let pass: a key given twice (the last would win), and bottomless nesting.
json parse_strictly(const std::string& text);

// An array of so many elements.
const json& array(const json& value, const std::string& path, std::size_t low, std::size_t high);

// One JSON object being read; every key must be known and the required ones there.
class Object {
 public:
  Object(const json& value, std::string path, std::initializer_list<std::string_view> known);

  std::string path(const std::string& key) const { return path_ + "." + key; }

  // Null when the key is absent or null.
  const json* find(const std::string& key) const;
  const json& get(const std::string& key) const;
  std::string text(const std::string& key) const;
  double number(const std::string& key) const { return to_number(get(key), path(key)); }
  double number(const std::string& key, double otherwise) const;
  std::size_t count(const std::string& key, std::size_t otherwise, std::int64_t low, std::int64_t high) const;

  static double to_number(const json& value, const std::string& path);
  static std::size_t to_count(const json& value, const std::string& path, std::int64_t low, std::int64_t high);

 private:
  const json& value_;
  std::string path_;
};

}  // namespace learn_rt::spec_json
