#include "artifacts/raw_zip/foreign_files.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>

#include "artifacts/archive/zip_format.hpp"

namespace vbrain::artifacts {
namespace {

// Names of more components are refused later. Without the limit a long name would cost the square of its length.
constexpr std::size_t kDepth = 32;

std::string_view last_component(std::string_view name) {
  return name.substr(name.rfind('/') + 1);
}

bool in_macosx_folder(const ArchiveEntry& entry) {
  constexpr std::string_view kFolder = "__MACOSX";
  const std::string_view name = entry.name;
  for (std::size_t at = name.find(kFolder); at != name.npos; at = name.find(kFolder, at + 1)) {
    const std::size_t end = at + kFolder.size();
    const bool begins = at == 0 || name[at - 1] == '/';
    const bool is_folder = end == name.size() ? entry.folder : name[end] == '/';
    if (begins && is_folder) return true;
  }
  return false;
}

bool equal_ignoring_case(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower, {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
}

bool is_mark(const RawEntry& raw) {
  if (in_macosx_folder(raw.entry)) return true;
  const std::string_view last = last_component(raw.entry.name);
  if (last == ".DS_Store" || last == "Icon\r") return !raw.entry.folder;
  if (raw.host == zip::kUnixHost) return false;
  return !raw.entry.folder && (equal_ignoring_case(last, "thumbs.db") || equal_ignoring_case(last, "desktop.ini"));
}

// The name of which this one is the AppleDouble twin; empty if it is none.
std::string twin_of(const ArchiveEntry& entry) {
  constexpr std::string_view kPrefix = "._";
  const std::string_view last = last_component(entry.name);
  if (entry.folder || !last.starts_with(kPrefix) || last.size() == kPrefix.size()) return {};
  std::string twin = entry.name;
  return twin.erase(twin.size() - last.size(), kPrefix.size());
}

}  // namespace

std::vector<bool> find_foreign_files(const std::vector<RawEntry>& entries) {
  std::vector<bool> foreign(entries.size());
  std::unordered_set<std::string> wanted;  // of which there is a twin
  for (std::size_t i = 0; i < entries.size(); ++i) {
    foreign[i] = is_mark(entries[i]);
    if (auto twin = twin_of(entries[i].entry); !foreign[i] && !twin.empty()) wanted.insert(std::move(twin));
  }
  if (wanted.empty()) return foreign;
  std::unordered_set<std::string> there;
  const auto note = [&](std::string_view name) {
    if (std::string text(name); wanted.contains(text)) there.insert(std::move(text));
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (foreign[i]) continue;
    const std::string_view name = entries[i].entry.name;
    note(name);
    std::size_t depth = 0;
    for (auto slash = name.find('/'); slash != name.npos && depth < kDepth; slash = name.find('/', slash + 1)) {
      note(name.substr(0, slash));
      ++depth;
    }
  }
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string twin = twin_of(entries[i].entry);
    if (!twin.empty() && there.contains(twin)) foreign[i] = true;
  }
  return foreign;
}

}  // namespace vbrain::artifacts
