#pragma once

#include <string>
#include <string_view>

namespace vbrain::artifacts {

// The character set of names in archives without the UTF-8 flag. 437 is the format's own rule (APPNOTE appendix D);
// Windows writes 850 where Western European languages are set, in Brazil too.
enum class CodePage { k437, k850 };

// `bytes` as UTF-8. Both code pages have a character for every byte.
std::string from_code_page(CodePage page, std::string_view bytes);

}  // namespace vbrain::artifacts
