#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace vbrain::kube {

// Cuts big JSON texts of the API server into the small ones that are worth parsing, without building a tree of the
// whole: a list of 500 objects costs the memory of one. The texts are trusted to be JSON; what is not is reported,
// and what passes unnoticed fails in the parser that reads the piece.

struct ListMeta {
  std::string resource_version;
  std::string continue_token;
};

// Calls `use` for the text of every item of a list {"metadata": {...}, "items": [...]}, in order.
Result<ListMeta, std::string> for_each_item(std::string_view list, const std::function<void(std::string_view)>& use);

struct EventText {
  std::string type;
  std::string_view object;
};

// The parts of one watch line {"type": "...", "object": {...}}.
Result<EventText, std::string> cut_event(std::string_view line);

// The object's text without metadata.managedFields, often half of its bytes. The result lies in `scratch` if something
// was cut; otherwise it is `object` itself.
std::string_view without_managed_fields(std::string_view object, std::string& scratch);

}  // namespace vbrain::kube
