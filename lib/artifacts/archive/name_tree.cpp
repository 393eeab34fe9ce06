#include "artifacts/archive/name_tree.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>

namespace vbrain::artifacts {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

std::string nfc(std::string_view text) {
  if (is_ascii(text)) return std::string(text);
  utf8proc_uint8_t* mapped = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()),
                   &mapped, static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (size < 0) throw std::invalid_argument(utf8proc_errmsg(size));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owned(mapped, &std::free);
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)};
}

std::string_view NameTree::add(std::string_view name, bool folder) {
  std::uint32_t parent = 0;
  for (bool last = false; !last;) {
    const auto slash = name.find('/');
    const std::string_view component = name.substr(0, slash);
    last = slash == name.npos;
    if (!last) name.remove_prefix(slash + 1);

    std::string key(reinterpret_cast<const char*>(&parent), sizeof parent);
    key += nfc(component);
    const bool is_folder = !last || folder;
    const auto number = static_cast<std::uint32_t>(nodes_.size() + 1);
    const auto [it, is_new] = nodes_.try_emplace(std::move(key), Node{number, std::string(component), is_folder, last});
    Node& node = it->second;
    if (!is_new) {
      if (node.name != component) return "two names differ in Unicode normalization only";
      if (node.folder != is_folder) return "a name is both a file and a folder";
      if (last && node.listed) return "a name occurs twice";
      node.listed = node.listed || last;
    }
    parent = node.number;
  }
  return {};
}

}  // namespace vbrain::artifacts
