#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace vbrain::base {

// Decodes base64 (RFC 4648 section 4). Spaces and line breaks are skipped; padding may be missing. Nothing if there is
// another character. The result may hold any byte.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace vbrain::base
