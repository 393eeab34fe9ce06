#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "api-server/errors.hpp"
#include "http/message/message.hpp"

namespace vbrain::api {

// How a request may spell the name of a field, beside upper and lower case.
enum class Spelling {
  kOne,
  kHyphenOrUnderscore,  // `upload_id` or `upload-id`: many proxies drop names with underscores
};

// The value of a field that a request may have once, perhaps empty; nothing: it was not sent. A second one, in either
// spelling, is refused as invalid: two programs on the way could read different ones. Pure.
Result<std::optional<std::string_view>, Refusal> find_once(const std::vector<http::HeaderField>& fields,
                                                           std::string_view name, Spelling spelling = Spelling::kOne);

}  // namespace vbrain::api
