#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "artifacts/files/safe_open.hpp"

namespace vbrain::artifacts {

// Moves an entry of `folder` to the tenant's `.trash` with one rename. Returns its new name, for Store::purge();
// nothing if there is no such entry. Durable when both folders were synced. For lib/artifacts only.
std::optional<std::string> move_to_trash(const Dir& folder, std::string_view from, const Dir& trash);

}  // namespace vbrain::artifacts
