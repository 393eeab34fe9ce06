#pragma once

#include <cstddef>
#include <string_view>

namespace vbrain::artifacts {

// format_of() looks at so many bytes of a file.
inline constexpr std::size_t kFormatBytes = 512;

// What a file is by its first bytes, in words such as "a 7z archive"; null if it is none of the known formats. Those
// are archives, documents, pictures and programs that people send in place of a table or a ZIP. Pure.
const char* format_of(std::string_view first_bytes);

}  // namespace vbrain::artifacts
