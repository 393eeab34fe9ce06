#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace vbrain::api {

// A header value with parameters: `form-data; name="a"; filename*=UTF-8''b`.
struct ParameterizedValue {
  std::string value;                                            // lower case
  std::vector<std::pair<std::string, std::string>> parameters;  // names lower case, each once

  const std::string* find(std::string_view name) const;
};

// Parses such a value; nothing if it is malformed or names a parameter twice. In quoted strings only \" and \\ are
// escapes, as browsers and curl write them; other backslashes stay. A value without quotes extends to the next
// semicolon, because some clients do not quote paths and spaces.
std::optional<ParameterizedValue> parse_parameterized(std::string_view text);

// The boundary of a `multipart/form-data` media type: 1 to 70 characters of RFC 2046 section 5.1.1. Nothing otherwise.
std::optional<std::string> boundary_of(const ParameterizedValue& content_type);

// The head of one part (RFC 7578). `filename` is the last part of the path that was sent, see file_name_of().
struct PartHead {
  std::string name;
  std::optional<std::string> filename;  // empty: a file field of a form that the user left empty
};

// A part's head, without the empty line at its end. An error is constant text.
Result<PartHead, std::string_view> parse_part_head(std::string_view text);

// The file name that a Content-Disposition gives, in UTF-8. `filename*` (RFC 8187, UTF-8 or ISO-8859-1) goes before
// `filename`, unless it is malformed. In `filename`, a value that consists of encoded words (RFC 2047) is decoded, %22
// is a quotation mark as browsers write it, and bytes that are not UTF-8 are ISO-8859-1. Of a path, written with
// either kind of slash, only the last part counts (RFC 7578 section 4.2). Nothing: there is no name, or only a
// malformed `filename*`. Pure.
std::optional<std::string> file_name_of(const ParameterizedValue& disposition);

}  // namespace vbrain::api
