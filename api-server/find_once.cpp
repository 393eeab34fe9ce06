#include "api-server/find_once.hpp"

#include <algorithm>

namespace vbrain::api {
namespace {

bool is_named(std::string_view sent, std::string_view name, Spelling spelling) {
  if (spelling == Spelling::kOne) return http::equal_ignoring_case(sent, name);
  const auto fold = [](char c) {
    if (c == '-') return '_';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  return std::ranges::equal(sent, name, {}, fold, fold);
}

}  // namespace

Result<std::optional<std::string_view>, Refusal> find_once(const std::vector<http::HeaderField>& fields,
                                                           std::string_view name, Spelling spelling) {
  std::optional<std::string_view> found;
  for (const http::HeaderField& field : fields) {
    if (!is_named(field.name, name, spelling)) continue;
    if (found) return refuse(Problem::kInvalid, std::string(name), "sent twice; send it once");
    found = field.value;
  }
  return found;
}

}  // namespace vbrain::api
