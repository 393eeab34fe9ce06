#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/message/message.hpp"

namespace vbrain::api {

// What the proxies on the way say of where a request came from: all fields `header` (`Forwarded`, RFC 7239, or
// `X-Forwarded-For`), as they stand, in their order, with commas between them. The nearest proxy adds its part at the
// end, and only that part is worth as much as this proxy: of a long text the end is kept. Empty: no such field, or
// `header` is empty. The text is not checked: secrets in it are hidden, and the log escapes it. Pure.
std::string forwarded_for(const std::vector<http::HeaderField>& fields, std::string_view header);

}  // namespace vbrain::api
