#include "controller/planning/pod_refusal.hpp"

#include <algorithm>
#include <map>

#include "controller/planning/wording.hpp"
#include "kube/api/quantity.hpp"

namespace vbrain::controller {
namespace {

using Kind = PodRefusal::Kind;
using kube::ErrorCode;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// With strict validation the API server names the fields, after words about the request that help nobody.
std::string_view without_preamble(std::string_view message) {
  constexpr std::string_view kBefore = "strict decoding error: ";
  const auto at = message.find(kBefore);
  return at == std::string_view::npos ? message : message.substr(at + kBefore.size());
}

// "limits.cpu=1,limits.memory=10Gi" after `word`, as a map.
std::map<std::string_view, std::string_view> amounts(std::string_view message, std::string_view word) {
  std::map<std::string_view, std::string_view> found;
  const auto at = message.find(word);
  if (at == std::string_view::npos) return found;
  std::string_view rest = message.substr(at + word.size());
  rest = rest.substr(0, rest.find(", "));
  while (!rest.empty()) {
    const std::string_view item = rest.substr(0, rest.find(','));
    const auto equal = item.find('=');
    if (equal != std::string_view::npos) found.emplace(item.substr(0, equal), item.substr(equal + 1));
    rest.remove_prefix(std::min(item.size() + 1, rest.size()));
  }
  return found;
}

// "exceeded quota: x, requested: limits.memory=10Gi, used: limits.memory=0, limited: limits.memory=1Gi"
bool asks_for_more_than_the_quota(std::string_view message) {
  const auto limited = amounts(message, "limited: ");
  for (const auto& [resource, requested] : amounts(message, "requested: ")) {
    const auto limit = limited.find(resource);
    // With a limit of 0 pods an operator closes a namespace for a while.
    if (limit == limited.end() || resource == "pods" || resource == "count/pods") continue;
    const auto wanted = kube::parse_quantity(requested);
    const auto most = kube::parse_quantity(limit->second);
    if (wanted && most && *wanted > *most) return true;
  }
  return false;
}

Kind kind_of(const kube::Error& error) {
  // A webhook with side effects refuses every dry run.
  if (contains(error.message, "does not support dry run")) return Kind::kOther;
  if (error.code == ErrorCode::kInvalid || error.code == ErrorCode::kBadRequest || error.code == ErrorCode::kTooLarge) {
    return Kind::kTemplate;
  }
  if (error.code == ErrorCode::kForbidden) {
    if (contains(error.message, "exceeded quota")) {
      return asks_for_more_than_the_quota(error.message) ? Kind::kQuotaTooSmall : Kind::kQuota;
    }
    return contains(error.message, "violates PodSecurity") ? Kind::kTemplate : Kind::kForbidden;
  }
  return error.http_status == 0 ? Kind::kNoAnswer : Kind::kOther;
}

}  // namespace

PodRefusal classify_refusal(const kube::Error& error) {
  const Kind kind = kind_of(error);
  return {kind, clean_message(kind == Kind::kTemplate ? without_preamble(error.message) : error.message)};
}

std::string_view reason_of(PodRefusal::Kind kind) {
  switch (kind) {
    case Kind::kTemplate:
      return "InvalidTemplate";
    case Kind::kQuota:
      return "QuotaExceeded";
    case Kind::kQuotaTooSmall:
      return "QuotaTooSmall";
    case Kind::kForbidden:
      return "PodForbidden";
    case Kind::kNoAnswer:
      return "ApiServerFailing";
    case Kind::kOther:
      break;
  }
  // An unreachable admission webhook gives 500, a busy API server 429.
  return "PodRefused";
}

}  // namespace vbrain::controller
