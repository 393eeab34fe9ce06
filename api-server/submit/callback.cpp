#include "api-server/submit/callback.hpp"

#include "api-server/jobs/space.hpp"
#include "http/client/allow_list.hpp"

namespace vbrain::api {

std::string default_callback(const Services& services, const artifacts::Tenant& tenant) {
  if (services.limits.webhook_allow.empty()) return {};
  const auto client = client_of(services, tenant);
  return client == nullptr ? "" : client->webhook_url;
}

Result<std::string, Refusal> callback_of(const Services& services, const artifacts::Tenant& tenant,
                                         const std::string& sent) {
  if (sent.empty()) return default_callback(services, tenant);
  const auto refused = [](const std::string& detail) { return refuse(Problem::kInvalid, "callback_url", detail); };
  const auto url = http::parse_url(sent);
  if (!url) return refused(url.error());
  // Entries were checked at the start.
  const auto allowed = http::AllowList::parse(services.limits.webhook_allow);
  if (!allowed || allowed->empty()) {
    return refused(
        "webhooks are off. Remedy: leave it out, or ask the operator to name the host in the chart value "
        "webhooks.allow");
  }
  if (const auto fits = allowed->check(*url); !fits) {
    return refused(fits.error() +
                   ". Remedy: send another URL, or ask the operator to name it in the chart value webhooks.allow");
  }
  return sent;
}

}  // namespace vbrain::api
