#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vbrain::schema {

// Why a schema can't be used, thrown within this folder.
struct Fault {
  std::string text;
};
// Throws a Fault that names the place. `pointer` is the place in the schema.
[[noreturn]] void fail(std::string_view pointer, std::string_view text);

// A subschema as it stands in the document.
struct Place {
  const nlohmann::json* json;
  std::string pointer;
  std::string base;  // the URI against which its references are resolved; empty: none
};

// Where the subschemas of a document are, and what references mean. Nothing outside of the document is known.
class References {
 public:
  // Finds all subschemas that are reached by keywords.
  explicit References(const nlohmann::json& document);

  // All subschemas that are known, in the order in which they were found; the root is the first. Grows by find().
  const std::vector<Place>& places() const { return places_; }
  // The number of a subschema in places().
  std::size_t index_of(const nlohmann::json* schema) const { return indexes_.at(schema); }

  // The number of the subschema that `$ref` in `from` means. Throws Fault if there is none.
  std::size_t find(const Place& from, const std::string& reference);

 private:
  void note(const nlohmann::json* json, std::string pointer, const std::string& base);
  void explore();

  const nlohmann::json& document_;
  std::vector<Place> places_;
  std::size_t explored_ = 0;
  std::map<const nlohmann::json*, std::size_t> indexes_;
  std::map<std::string, const nlohmann::json*> ids_;  // URIs, with the fragment if it is a name
};

}  // namespace vbrain::schema
