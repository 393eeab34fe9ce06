#include "artifacts/uploads/upload_state.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace vbrain::artifacts {
namespace {

using Kind = UploadState::Kind;

constexpr std::string_view kPrefix = "state.";
constexpr std::array<std::pair<Kind, std::string_view>, 4> kKinds{
    {{Kind::kIdle, "idle"}, {Kind::kWriting, "writing"}, {Kind::kUsing, "using"}, {Kind::kEnded, "ended"}}};

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= 80 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-'; });
}

// The text up to the next dot, which is removed too.
std::string_view take_part(std::string_view& rest) {
  const std::string_view part = rest.substr(0, rest.find('.'));
  rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  return part;
}

}  // namespace

std::string to_name(const UploadState& state) {
  std::string name(kPrefix);
  name.append(std::to_string(state.offset)).append(".").append(state.data).append(".");
  for (const auto& [kind, word] : kKinds) {
    if (kind == state.kind) name.append(word);
  }
  if (!state.by.empty()) name.append(".").append(state.by);
  return name;
}

std::optional<UploadState> parse_upload_state(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::string_view rest = name.substr(kPrefix.size());
  UploadState state;
  const std::string_view offset = take_part(rest);
  const auto [end, error] = std::from_chars(offset.data(), offset.data() + offset.size(), state.offset);
  if (error != std::errc() || end != offset.data() + offset.size()) return std::nullopt;
  state.data = take_part(rest);
  const std::string_view word = take_part(rest);
  const auto known = std::ranges::find(kKinds, word, [](const auto& kind) { return kind.second; });
  if (!is_token(state.data) || known == kKinds.end()) return std::nullopt;
  state.kind = known->first;
  state.by = rest;
  const bool has_owner = state.kind == Kind::kWriting || state.kind == Kind::kUsing;
  if (has_owner ? !is_token(state.by) : !state.by.empty()) return std::nullopt;
  // "00", and a dot at the end.
  return to_name(state) == name ? std::optional(std::move(state)) : std::nullopt;
}

}  // namespace vbrain::artifacts
