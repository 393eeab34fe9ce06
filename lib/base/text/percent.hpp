#pragma once

#include <optional>
#include <string>
#include <string_view>

// Percent-encoding (RFC 3986 section 2.1).
namespace vbrain::base {

// Encodes every byte but letters, digits and those of `also_plain` as %XX with upper-case digits. The default is the
// set of unreserved characters of RFC 3986 section 2.3.
std::string percent_encode(std::string_view text, std::string_view also_plain = "-._~");

enum class Plus { kLiteral, kSpace };  // '+' in the query of an HTML form is a space

// Decodes %XX, with digits of either case. Nothing if a '%' is not followed by two hexadecimal digits. The result may
// hold any byte: callers check it for UTF-8, NUL and the like.
std::optional<std::string> percent_decode(std::string_view text, Plus plus = Plus::kLiteral);

}  // namespace vbrain::base
