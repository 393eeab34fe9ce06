#include "artifacts/archive/name_tree.hpp"

#include "artifacts/archive/utf8.hpp"

namespace vbrain::artifacts {
namespace {

char32_t fold(char32_t c) {
  if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7)) return c + 0x20;  // ASCII, Latin-1
  if (c >= 0x100 && c <= 0x17F && c != 0x130 && c != 0x131 && c != 0x138 && c != 0x149 && c != 0x178 && c != 0x17F) {
    const bool upper_is_odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
    return (c % 2 == 1) == upper_is_odd ? c + 1 : c;  // Latin Extended-A goes in pairs
  }
  if (c >= 0x391 && c <= 0x3A9 && c != 0x3A2) return c + 0x20;  // Greek
  if (c >= 0x410 && c <= 0x42F) return c + 0x20;                // Cyrillic
  if (c >= 0x400 && c <= 0x40F) return c + 0x50;
  return c;
}

void append_utf8(std::string& out, char32_t c) {
  const auto byte = [&](char32_t value) { out += static_cast<char>(value); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | (c >> 6));
    byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | (c >> 12));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | (c >> 18));
    byte(0x80 | ((c >> 12) & 0x3F));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  }
}

}  // namespace

std::string fold_case(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto point = take_code_point(text);
    if (!point) break;
    append_utf8(result, fold(*point));
  }
  return result;
}

std::string_view NameTree::add(std::string_view name, bool folder) {
  std::uint32_t parent = 0;
  for (bool last = false; !last;) {
    const auto slash = name.find('/');
    const std::string_view component = name.substr(0, slash);
    last = slash == name.npos;
    if (!last) name.remove_prefix(slash + 1);

    std::string key(reinterpret_cast<const char*>(&parent), sizeof parent);
    key += fold_case(component);
    const bool is_folder = !last || folder;
    const auto number = static_cast<std::uint32_t>(nodes_.size() + 1);
    const auto [it, is_new] = nodes_.try_emplace(std::move(key), Node{number, std::string(component), is_folder, last});
    Node& node = it->second;
    if (!is_new) {
      if (node.name != component) return "two names differ in case only";
      if (node.folder != is_folder) return "a name is both a file and a folder";
      if (last && node.listed) return "a name occurs twice";
      node.listed = node.listed || last;
    }
    parent = node.number;
  }
  return {};
}

}  // namespace vbrain::artifacts
