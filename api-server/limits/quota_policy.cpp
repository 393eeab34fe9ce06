#include "api-server/limits/quota_policy.hpp"

namespace vbrain::api {
namespace {

std::string quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

}  // namespace

std::string rate_limit_policy(const QuotaPolicy& policy) {
  std::string text = quoted(policy.name) + ";q=" + std::to_string(policy.quota);
  if (policy.window > std::chrono::seconds(0)) text += ";w=" + std::to_string(policy.window.count());
  if (!policy.unit.empty()) text += ";qu=" + quoted(policy.unit);
  return text;
}

std::string rate_limit(const QuotaPolicy& policy, std::uint64_t remaining, std::chrono::seconds reset) {
  return quoted(policy.name) + ";r=" + std::to_string(remaining) + ";t=" + std::to_string(reset.count());
}

}  // namespace vbrain::api
