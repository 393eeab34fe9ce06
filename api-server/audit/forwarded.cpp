#include "api-server/audit/forwarded.hpp"

#include "api-server/auth/hide_secrets.hpp"

namespace vbrain::api {

std::string forwarded_for(const std::vector<http::HeaderField>& fields, std::string_view header) {
  constexpr std::size_t kMaxBytes = 512;
  if (header.empty()) return {};
  std::string all;
  for (const http::HeaderField& field : fields) {
    if (!http::equal_ignoring_case(field.name, header) || field.value.empty()) continue;
    all.append(all.empty() ? "" : ", ").append(field.value);
  }
  // Hidden before it is cut: the rest of a cut key is not seen to be one.
  all = hide_secrets(all);
  if (all.size() > kMaxBytes) all.erase(0, all.size() - kMaxBytes);
  return all;
}

}  // namespace vbrain::api
