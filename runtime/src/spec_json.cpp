#include "spec_json.h"

#include <cmath>
#include <set>
#include <stdexcept>

namespace learn_rt::spec_json {
namespace {

constexpr std::size_t kMaxDepth = 64;

}  // namespace

void fail(const std::string& path, const std::string& what) {
  throw std::runtime_error("spec.json: " + what + " - at " + path);
}

json parse_strictly(const std::string& text) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&keys](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start || event == json::parse_event_t::array_start) {
      keys.emplace_back();
      if (keys.size() > kMaxDepth) fail("$", "nested deeper than " + std::to_string(kMaxDepth));
    } else if (event == json::parse_event_t::object_end || event == json::parse_event_t::array_end) {
      keys.pop_back();
    } else if (event == json::parse_event_t::key) {
      if (!keys.back().insert(value.get<std::string>()).second) fail("$", "key " + value.dump() + " appears twice");
    }
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::exception& error) {
    fail("$", std::string("not JSON: ") + error.what());
  }
}

const json& array(const json& value, const std::string& path, std::size_t low, std::size_t high) {
  if (!value.is_array() || value.size() < low || value.size() > high) {
    fail(path, "expected an array of " + std::to_string(low) + " to " + std::to_string(high) + " elements");
  }
  return value;
}

Object::Object(const json& value, std::string path, std::initializer_list<std::string_view> known)
    : value_(value), path_(std::move(path)) {
  if (!value.is_object()) fail(path_, "expected an object");
  const std::set<std::string_view> names(known);
  for (const auto& item : value.items()) {
    if (names.count(item.key()) == 0) fail(path_, "unknown key \"" + item.key().substr(0, 64) + '"');
  }
}

const json* Object::find(const std::string& key) const {
  const auto at = value_.find(key);
  return at == value_.end() || at->is_null() ? nullptr : &*at;
}

const json& Object::get(const std::string& key) const {
  const json* found = find(key);
  if (found == nullptr) fail(path_, "missing key \"" + key + '"');
  return *found;
}

std::string Object::text(const std::string& key) const {
  const json& found = get(key);
  if (!found.is_string()) fail(path(key), "expected a string");
  return found.get<std::string>();
}

double Object::number(const std::string& key, double otherwise) const {
  return find(key) == nullptr ? otherwise : number(key);
}

std::size_t Object::count(const std::string& key, std::size_t otherwise, std::int64_t low, std::int64_t high) const {
  return find(key) == nullptr ? otherwise : to_count(get(key), path(key), low, high);
}

double Object::to_number(const json& value, const std::string& path) {
  if (!value.is_number() || !std::isfinite(value.get<double>())) fail(path, "expected a finite number");
  return value.get<double>();
}

std::size_t Object::to_count(const json& value, const std::string& path, std::int64_t low, std::int64_t high) {
  if (!value.is_number_integer() || (value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX) ||
      value.get<std::int64_t>() < low || value.get<std::int64_t>() > high) {
    fail(path, "expected a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  }
  return static_cast<std::size_t>(value.get<std::int64_t>());
}

}  // namespace learn_rt::spec_json
