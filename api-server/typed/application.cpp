#include "api-server/typed/application.hpp"

#include "api-server/answers/shared_answer.hpp"
#include "base/json/json.hpp"
#include "job/oldest.hpp"
#include "kube/api/quantity.hpp"

namespace vbrain::api {
namespace {

using Owner = std::shared_ptr<const job::Application>;

// What users of an application may know of it. Its template stays with the operator.
AnswerText render(const Owner& application) {
  AnswerText answer;
  answer.add(R"({"application":)" + base::quote_json(application->application_id));
  const auto add_schema = [&](const char* name, const std::string& schema) {
    if (schema.empty()) return;
    answer.add(std::string(",\"") + name + "\":");
    answer.add(application, schema, schema);
  };
  add_schema("params_schema", application->params_schema);
  add_schema("result_schema", application->result_schema);
  std::string limits;
  if (const auto bytes = kube::parse_quantity(application->output_limit)) {
    limits += R"(,"output_limit_bytes":)" + std::to_string(*bytes);
  }
  if (application->active_deadline_seconds) {
    limits += R"(,"deadline_seconds":)" + std::to_string(*application->active_deadline_seconds);
  }
  answer.add(limits + R"(,"attempts":)" + std::to_string(std::int64_t{application->backoff_limit} + 1) + "}");
  return answer;
}

}  // namespace

Owner application_of(const Services& services, const artifacts::Tenant& tenant) {
  const auto oldest = job::oldest(services.applications.by_index(kApplicationIndex, tenant.application));
  return oldest != nullptr && oldest->open_to(tenant.organization) ? oldest : nullptr;
}

http::Task<Answer> get_application(Call& call) {
  const Owner application = application_of(call.services, call.caller.tenant);
  if (application == nullptr) {
    co_return refuse(Problem::kNoSuchRoute, {},
                     "no such application is installed for the organization. Remedy: ask the operator to install the "
                     "Application, or to open it to the organization");
  }
  TenantBudget::Share memory(call.services.json_budget, call.caller.tenant);
  const auto shared = std::make_shared<const SharedAnswer>(share_json(200, render(application), std::move(memory)));
  co_return reply_with(call.exchange.head, shared);
}

}  // namespace vbrain::api
