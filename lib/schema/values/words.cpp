#include "schema/values/words.hpp"

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/json/json.hpp"

namespace vbrain::schema {
namespace {

using nlohmann::json;

struct Name {
  Type type;
  std::string_view word;
  std::string_view words;
};
constexpr std::array<Name, 7> kNames{{{kString, "string", "a string"},
                                      {kInteger, "integer", "an integer"},
                                      {kNumber, "number", "a number"},
                                      {kBoolean, "boolean", "true or false"},
                                      {kArray, "array", "an array"},
                                      {kObject, "object", "an object"},
                                      {kNull, "null", "null"}}};

}  // namespace

unsigned type_of_name(std::string_view name) {
  for (const Name& one : kNames) {
    if (one.word == name) return one.type;
  }
  return 0;
}

unsigned types_of(const json& value) {
  switch (value.type()) {
    case json::value_t::null:
      return kNull;
    case json::value_t::boolean:
      return kBoolean;
    case json::value_t::number_integer:
    case json::value_t::number_unsigned:
      return kInteger | kNumber;
    case json::value_t::number_float: {
      const double number = value.get<double>();
      return std::trunc(number) == number ? kInteger | kNumber : kNumber;
    }
    case json::value_t::string:
      return kString;
    case json::value_t::array:
      return kArray;
    case json::value_t::object:
      return kObject;
    default:
      return 0;
  }
}

std::string name_types(unsigned types) {
  // Every integer is a number.
  if ((types & kNumber) != 0) types &= ~static_cast<unsigned>(kInteger);
  std::string text;
  for (const Name& one : kNames) {
    if ((types & one.type) == 0) continue;
    types &= ~static_cast<unsigned>(one.type);
    if (!text.empty()) text += types == 0 ? " or " : ", ";
    text += one.words;
  }
  return text;
}

std::string_view name_type(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  const unsigned types = types_of(value);
  for (const Name& one : kNames) {
    if (one.type != kInteger && (types & one.type) != 0) return one.words;
  }
  return "no JSON";
}

std::string cut_text(std::string text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
  text.resize(limit);
  return text + "…";
}

std::string show(const json& value, std::size_t limit) {
  // Of a long text only the beginning is written.
  if (value.is_string() && value.get_ref<const std::string&>().size() > limit) {
    return base::quote_json(cut_text(value.get<std::string>(), limit));
  }
  if (value.is_structured() && value.size() > limit) {
    return std::string(value.is_array() ? "an array" : "an object") + " of " + std::to_string(value.size());
  }
  return cut_text(value.dump(-1, ' ', false, json::error_handler_t::replace), limit);
}

std::string show_list(const json& values, std::size_t limit) {
  std::string text;
  for (auto one = values.begin(); one != values.end(); ++one) {
    if (text.size() > limit) return text + ", …";
    if (!text.empty()) text += ", ";
    text += values.is_object() ? show(json(one.key())) : show(*one);
  }
  return text;
}

std::string pointer_part(std::string_view key) {
  std::string text = "/";
  for (const char c : key) {
    if (c == '~') {
      text += "~0";
    } else if (c == '/') {
      text += "~1";
    } else {
      text += c;
    }
  }
  return text;
}

std::string count_of(std::uint64_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

}  // namespace vbrain::schema
