#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace vbrain::kube {

// Cuts the large JSON texts of the API server into their objects, without a tree of the whole text: a list of 500
// objects takes the memory of one tree. The texts of the objects are only looked at for their ends. parse_object()
// checks them.

struct ListMeta {
  std::string resource_version;
  std::string continue_token;
};

// The parts of a list {"metadata": {...}, "items": [...]}.
struct ListText {
  ListMeta meta;
  std::vector<std::string_view> items;  // parts of the list's text, in order; each begins with '{'
};
Result<ListText, std::string> cut_list(std::string_view list);

// The tree of one object, without what decode() never reads: metadata.managedFields and the members of `spec` but
// `spec_member` (empty: all are read). They are two thirds of a pod. Of members with the same name the last one counts.
Result<nlohmann::json, std::string> parse_object(std::string_view text, std::string_view spec_member);

struct EventText {
  std::string type;
  std::string_view object;  // a part of the line; begins with '{'
};

// The parts of one watch line {"type": "...", "object": {...}}.
Result<EventText, std::string> cut_event(std::string_view line);

}  // namespace vbrain::kube
