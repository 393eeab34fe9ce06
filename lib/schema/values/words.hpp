#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace vbrain::schema {

// The types of JSON Schema, as bits.
enum Type : unsigned {
  kNull = 1,
  kBoolean = 2,
  kInteger = 4,
  kNumber = 8,
  kString = 16,
  kArray = 32,
  kObject = 64,
};

// The bit of a name; 0 for another word.
unsigned type_of_name(std::string_view name);

// The bits of the types that the value has. 1.0 is an integer, too.
unsigned types_of(const nlohmann::json& value);

// "an integer or null".
std::string name_types(unsigned types);

// "a string", of a value.
std::string_view name_type(const nlohmann::json& value);

// The value as JSON, cut to about `limit` bytes of whole characters, with "…" then.
std::string show(const nlohmann::json& value, std::size_t limit = 60);

// `, "a"`, `, "b"` …: the elements of a list or the keys of an object, about `limit` bytes of them, then "…".
std::string show_list(const nlohmann::json& values, std::size_t limit = 200);

// The text, cut to at most `limit` bytes of whole characters, with "…" then.
std::string cut_text(std::string text, std::size_t limit);

// A key as a part of a JSON Pointer, with the slash.
std::string pointer_part(std::string_view key);

// "1 character", "2 characters".
std::string count_of(std::uint64_t count, std::string_view one, std::string_view many);

}  // namespace vbrain::schema
