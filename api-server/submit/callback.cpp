#include "api-server/submit/callback.hpp"

#include <nlohmann/json.hpp>

#include "api-server/jobs/space.hpp"
#include "base/log/log.hpp"
#include "http/client/allow_list.hpp"
#include "job/callback.hpp"
#include "job/names.hpp"
#include "kube/api/api_client.hpp"

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

http::Task<std::optional<Refusal>> refuse_lost_callback(const Services& services, const Caller& caller,
                                                        const std::string& url) {
  if (url.empty()) co_return std::nullopt;
  job::JobSpec spec;
  spec.organization_id = caller.tenant.organization;
  spec.application_id = caller.tenant.application;
  spec.client_id = caller.tenant.client;
  spec.username = caller.username;
  spec.callback_url = url;
  const std::string id = job::new_job_id(services.clock.now());
  const nlohmann::json body = job::encode_new_job(services.namespace_name, id, spec);
  const kube::Request request = kube::create_request(job::Job::kType, services.namespace_name, body, {.dry_run = true});
  const auto try_it = [&] { return services.kube.call(request, services.stop); };
  const auto made = co_await http::run_on(services.workers, try_it);
  if (!made) {
    // For example an admission webhook with side effects. The answer of the real create is looked at, too.
    base::log_debug("a dry run does not say whether the definition of Job knows callbackURL",
                    {caller.ids, {"code", to_string(made.error().code)}, {"error", made.error().message}});
    co_return std::nullopt;
  }
  // Not a Job as others: the answer of a dry run has no resourceVersion.
  const nlohmann::json answer = nlohmann::json::parse(made->body, nullptr, false);
  if (answer.is_discarded() || job::callback_was_kept(url, answer)) co_return std::nullopt;
  Refusal refusal{.problem = Problem::kUnavailable};
  refusal.detail = "callback_url can't be taken: " + std::string(job::kCallbackNotKept) + ". Or leave callback_url out";
  co_return refusal;
}

}  // namespace vbrain::api
