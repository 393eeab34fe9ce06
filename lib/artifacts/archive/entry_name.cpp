#include <array>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/utf8.hpp"

namespace vbrain::artifacts {
namespace {

// Characters that make a name look like another one: direction marks and Unicode line breaks.
bool is_deceptive(char32_t point) {
  return point == 0x061C || point == 0x200E || point == 0x200F || (point >= 0x2028 && point <= 0x202E) ||
         (point >= 0x2066 && point <= 0x2069) || point == 0xFEFF;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

// CON, PRN, AUX, NUL, COM1 to COM9, LPT1 to LPT9, with any extension: Windows opens the device.
bool is_device(std::string_view component) {
  std::string stem;
  for (const char c : component.substr(0, component.find('.'))) stem += lower(c);
  while (stem.ends_with(' ')) stem.pop_back();
  constexpr std::array<std::string_view, 4> kDevices = {"con", "prn", "aux", "nul"};
  for (const auto device : kDevices) {
    if (stem == device) return true;
  }
  return stem.size() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")) && stem[3] >= '1' && stem[3] <= '9';
}

std::string_view check_characters(std::string_view name) {
  while (!name.empty()) {
    const auto point = take_code_point(name);
    if (!point) return "a name is not UTF-8";
    if (is_control(*point)) return "a name has a control character";
    if (is_deceptive(*point)) return "a name has a character that changes the direction or line of text";
    if (*point == '\\') return "a name has a backslash";
  }
  return {};
}

}  // namespace

std::string_view check_entry_name(std::string_view name, std::size_t name_bytes, std::size_t depth) {
  if (name.empty()) return "a name is empty";
  if (const auto problem = check_characters(name); !problem.empty()) return problem;
  if (name.front() == '/') return "a name is absolute";
  if (name.size() >= 2 && name[1] == ':' && lower(name[0]) >= 'a' && lower(name[0]) <= 'z') {
    return "a name starts with a drive letter";
  }
  std::size_t count = 0;
  for (bool more = true; more;) {
    const auto slash = name.find('/');
    const std::string_view component = name.substr(0, slash);
    more = slash != name.npos;
    if (more) name.remove_prefix(slash + 1);
    if (component.empty()) return "a name has an empty component";
    if (component == "." || component == "..") return "a name has a component . or ..";
    if (component.size() > name_bytes) return "a name has a component that is too long";
    if (is_device(component)) return "a name is reserved for a device";
    if (++count > depth) return "a name has too many components";
  }
  return {};
}

}  // namespace vbrain::artifacts
