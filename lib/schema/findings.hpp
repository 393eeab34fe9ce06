#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "schema/schema.hpp"

namespace vbrain::schema {

// Where a value is in the checked document: a list of keys and indexes, from the end to the beginning, on the stack.
class Path {
 public:
  Path() = default;
  Path(const Path& up, std::string_view key) : up_(&up), key_(key), depth_(up.depth_ + 1) {}
  Path(const Path& up, std::size_t index) : up_(&up), index_(index), is_index_(true), depth_(up.depth_ + 1) {}

  std::string pointer() const;
  std::size_t depth() const { return depth_; }

 private:
  const Path* up_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
  bool is_index_ = false;
  std::size_t depth_ = 0;
};

// What a violation is of, for the choice of the alternative that was meant.
enum class Kind { kType, kValue, kOther };

// The violations that one check has found.
class Findings {
 public:
  void add(const Path& path, Kind kind, std::string message);
  // The types of the violation that was added last.
  void note_types(const Path& path, unsigned types);

  // The value at `path` matches none of the alternatives; `tries` are the findings of each. Adds those of the only one
  // whose type and fixed values fit, if there is one. Otherwise says what would be right.
  void add_nearest(const Path& path, std::vector<Findings>& tries, const nlohmann::json& value);

  bool is_full() const { return found_.list.size() >= kMostViolations; }
  std::string first_message() const { return found_.list.empty() ? std::string() : found_.list.front().message; }
  Violations take() { return std::move(found_); }

 private:
  void merge(Findings& other);

  Violations found_;
  // The depth of the nearest violation of a type and of a value.
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t type_depth_ = kNone;
  std::size_t value_depth_ = kNone;
  unsigned types_ = 0;  // that were wanted at type_depth_
};

}  // namespace vbrain::schema
