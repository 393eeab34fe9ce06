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

// Each place where a key could begin is looked at, also within an id or a secret: keys may stand side by side.
std::string hide_secrets(std::string_view text) {
  std::string shown;
  std::size_t done = 0;  // bytes of the text that are shown or hidden
  for (auto at = text.find(kBegin); at != std::string_view::npos; at = text.find(kBegin, at + 1)) {
    const std::string_view id = readable_key_id(text.substr(at));
    if (id.empty()) continue;
    const std::size_t begin = at + kBegin.size() + id.size() + 1;
    const std::string_view rest = text.substr(begin);
    const auto length = static_cast<std::size_t>(std::ranges::find_if_not(rest, is_of_secret) - rest.begin());
    if (length < kShortestSecret) continue;
    shown.append(text.substr(done, begin - done)).append("(hidden)");
    done = begin + length;
  }
  return shown.append(text.substr(done));
}

}  // namespace vbrain::api
