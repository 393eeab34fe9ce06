#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace vbrain::artifacts {

// Takes one code point off the front of `text` (not empty). Nothing, and `text` unchanged, for what RFC 3629 forbids:
// overlong forms, surrogates, above U+10FFFF, a sequence cut short.
std::optional<char32_t> take_code_point(std::string_view& text);

// C0 and C1 controls and DEL.
bool is_control(char32_t point);

bool is_utf8(std::string_view text);

// `text` fit for people: each byte that is not UTF-8 becomes U+FFFD, each control character a space; cut to `bytes`
// at a code point's boundary.
std::string printable(std::string_view text, std::size_t bytes);

}  // namespace vbrain::artifacts
