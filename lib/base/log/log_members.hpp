#pragma once

#include <string_view>

namespace vbrain::base {

// Logs one JSON line {"time", "level": "info", "message", <members>}, whatever the level of the log is. `message` is
// constant text. `members` is JSON text of members with commas between them and without braces; the caller has escaped
// and limited the values. Otherwise as log(). Thread-safe, never throws.
void log_members(std::string_view message, std::string_view members) noexcept;

}  // namespace vbrain::base
