#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/time/clock.hpp"

// Reads members of an untrusted object. For .cpp files only.
namespace vbrain::artifacts::fields {

// A decoder throws it internally and turns it into its error: constant text and a member's name.
struct Malformed {
  std::string reason;
};

[[noreturn]] inline void refuse(const char* member, const char* why) {
  throw Malformed{std::string(member) + " " + why};
}

inline const nlohmann::json* find(const nlohmann::json& object, const char* member) {
  const auto it = object.find(member);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

// Text of at most `limit` bytes; empty if the member is absent.
inline std::string text(const nlohmann::json& object, const char* member, std::size_t limit) {
  const nlohmann::json* value = find(object, member);
  if (value == nullptr) return {};
  if (!value->is_string()) refuse(member, "is not text");
  const auto& content = value->get_ref<const std::string&>();
  if (content.size() > limit) refuse(member, "is too long");
  return content;
}

// An integer in [least, most]. If the member is absent: 0, or `least` if 0 is out of range.
inline std::int64_t integer(const nlohmann::json& object, const char* member, std::int64_t least, std::int64_t most) {
  const nlohmann::json* value = find(object, member);
  if (value == nullptr) return least > 0 || most < 0 ? least : 0;
  if (!value->is_number_integer()) refuse(member, "is not an integer");
  if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
    refuse(member, "is out of range");
  }
  const auto number = value->get<std::int64_t>();
  if (number < least || number > most) refuse(member, "is out of range");
  return number;
}

inline std::uint64_t size(const nlohmann::json& object, const char* member) {
  return static_cast<std::uint64_t>(integer(object, member, 0, INT64_MAX));
}

inline base::TimePoint time(const nlohmann::json& object, const char* member) {
  const auto value = base::parse_rfc3339(text(object, member, 64));
  if (!value) refuse(member, "is not a time");
  return *value;
}

// 64 lower-case hex digits, or empty if allowed.
std::string sha256(const nlohmann::json& object, const char* member, bool may_be_empty);

inline void require_format(const nlohmann::json& object) {
  if (!object.is_object()) throw Malformed{"not an object"};
  const nlohmann::json* format = find(object, "format");
  if (format == nullptr || *format != 1) refuse("format", "is not 1");
}

}  // namespace vbrain::artifacts::fields
