#pragma once

#include <string>
#include <string_view>

namespace vbrain::api {

// The text without the secrets of API keys: "vb_<id>_" and what follows becomes "vb_<id>_(hidden)". For log lines,
// because users put keys into wrong headers and into URLs. Pure.
std::string hide_secrets(std::string_view text);

}  // namespace vbrain::api
