#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vbrain::kube {

// Cuts the large JSON texts of the API server into their objects, without a tree of the whole text: a list of 500
// objects takes the memory of one tree. The whole text is checked to be JSON; the parser of each object checks its
// content.

struct ListMeta {
  std::string resource_version;
  std::string continue_token;
};

// The text of one object, as parts of a longer text: without metadata.managedFields, which is often half of an object.
struct ObjectText {
  std::string_view before;
  std::string_view after = {};  // what follows the member that was left out

  // In `scratch` if something was left out, otherwise a part of the longer text.
  std::string_view join(std::string& scratch) const;
};

// The parts of a list {"metadata": {...}, "items": [...]}.
struct ListText {
  ListMeta meta;
  std::vector<ObjectText> items;  // parts of the list's text, in order
};
Result<ListText, std::string> cut_list(std::string_view list);

// The tree of one object, without what decode() never reads: metadata.managedFields and the members of `spec` but
// `spec_member` (empty: all are read). They are two thirds of a pod.
Result<nlohmann::json, std::string> parse_object(std::string_view text, std::string_view spec_member);

struct EventText {
  std::string type;
  std::string_view object;
};

// The parts of one watch line {"type": "...", "object": {...}}. The object's text is without metadata.managedFields. It
// is in `scratch` if something was cut, otherwise a part of `line`.
Result<EventText, std::string> cut_event(std::string_view line, std::string& scratch);

}  // namespace vbrain::kube
