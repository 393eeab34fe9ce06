#include <algorithm>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/utf8.hpp"

namespace vbrain::artifacts {
namespace {

// Overrides, embeddings and isolates show the text after them in another order: "fdp.exe" may look like "exe.pdf".
// The plain marks of direction (U+061C, U+200E, U+200F) belong to names in Arabic and Hebrew.
bool is_deceptive(char32_t point) {
  return (point >= 0x202A && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

bool is_line_break(char32_t point) {
  return point == 0x2028 || point == 0x2029;
}

std::string_view check_characters(std::string_view name) {
  while (!name.empty()) {
    const auto point = take_code_point(name);
    if (!point) return "a name is not UTF-8";
    if (is_control(*point)) return "a name has a control character";
    if (is_deceptive(*point) || is_line_break(*point)) {
      return "a name has a character that changes the direction or line of text";
    }
    if (*point == '\\') return "a name has a backslash; folders are separated by /";
  }
  return {};
}

bool is_drive(std::string_view component) {
  const char letter = component.empty() ? '\0' : component[0];
  return component.size() == 2 && component[1] == ':' &&
         ((letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z'));
}

}  // namespace

std::string_view check_entry_name(std::string_view name, std::size_t name_bytes, std::size_t depth) {
  if (name.empty()) return "a name is empty";
  if (const auto problem = check_characters(name); !problem.empty()) return problem;
  if (name.front() == '/') return "a name is absolute";
  std::size_t count = 0;
  for (bool more = true; more;) {
    const auto slash = name.find('/');
    const std::string_view component = name.substr(0, slash);
    more = slash != name.npos;
    if (more) name.remove_prefix(slash + 1);
    if (component.empty()) return "a name has an empty component";
    if (component == "." || component == "..") return "a name has a component . or ..";
    if (component.size() > name_bytes) return "a name has a component that is too long";
    if (count == 0 && more && is_drive(component)) return "a name starts with a drive letter";
    if (++count > depth) return "a name has too many components";
  }
  return {};
}

}  // namespace vbrain::artifacts
