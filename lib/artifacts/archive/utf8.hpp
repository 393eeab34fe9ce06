#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace vbrain::artifacts {

// Removes the first code point of `text` (not empty) and returns it. Returns nothing, with `text` unchanged, for bytes
// that RFC 3629 forbids: overlong forms, surrogates, above U+10FFFF, an incomplete sequence.
std::optional<char32_t> take_code_point(std::string_view& text);

// Appends a code point up to U+10FFFF that is no surrogate.
void append_utf8(std::string& text, char32_t point);

// C0 and C1 controls and DEL.
bool is_control(char32_t point);

bool is_utf8(std::string_view text);

// Text in ISO-8859-1 as UTF-8.
std::string from_latin1(std::string_view bytes);

// `text` for people: each byte that is not UTF-8 becomes U+FFFD, each control character a space. Truncated to `bytes`
// at a code point boundary.
std::string printable(std::string_view text, std::size_t bytes);

}  // namespace vbrain::artifacts
