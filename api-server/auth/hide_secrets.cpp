#include "api-server/auth/hide_secrets.hpp"

#include <algorithm>

#include "api-server/auth/auth.hpp"

namespace vbrain::api {
namespace {

constexpr std::string_view kBegin = "vb_";
// A key that was cut still has most of its secret. Names that look like vb_abcd_2024 stay readable.
constexpr std::size_t kShortestSecret = 16;

bool is_of_secret(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

std::string hide_secrets(std::string_view text) {
  std::string shown;
  for (auto at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin)) {
    const std::string_view id = readable_key_id(text.substr(at));
    const std::size_t head = at + kBegin.size() + (id.empty() ? 0 : id.size() + 1);
    shown.append(text.substr(0, head));
    text.remove_prefix(head);
    if (id.empty()) continue;
    const auto end = std::ranges::find_if_not(text, is_of_secret);
    const auto length = static_cast<std::size_t>(end - text.begin());
    if (length < kShortestSecret) continue;
    shown.append("(hidden)");
    text.remove_prefix(length);
  }
  return shown.append(text);
}

}  // namespace vbrain::api
