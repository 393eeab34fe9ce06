#include "api-server/routes/shared_read.hpp"

#include <cstdint>

#include "api-server/routes/router.hpp"

namespace vbrain::api {

std::string key_of_read(std::string_view what, const Call& call) {
  const artifacts::Tenant& tenant = call.caller.tenant;
  std::string key;
  key.reserve(256);
  key.append(what);
  for (const std::string_view part :
       {std::string_view(tenant.organization), std::string_view(tenant.application), std::string_view(tenant.client),
        std::string_view(call.repository_id), call.id, call.exchange.head.query}) {
    key.append("\n").append(part);
  }
  return key;
}

std::string key_of_list(const Call& call, const std::string& repository_id) {
  const artifacts::Tenant& tenant = call.caller.tenant;
  return "list\n" + tenant.organization + "\n" + tenant.application + "\n" + tenant.client + "\n" + repository_id;
}

// Each request that waits for such an answer keeps the list, so that no other one has its address meanwhile.
std::string key_with_list(const std::string& key, const KnownList& list) {
  return key + "\nwith " + std::to_string(reinterpret_cast<std::uintptr_t>(&list));
}

SharedAnswer share_page(const Call& call, AnswerText text, const PageEnd& end) {
  TenantBudget::Share memory(call.services.json_budget, call.caller.tenant);
  memory.cover(text.text().size());
  const std::string link = end.last.empty() ? std::string() : link_to_next(call.exchange.head.query, end.last);
  text.add(nullptr, "", link);  // the entity tag tells it apart, too
  SharedAnswer answer = share_json(200, std::move(text), std::move(memory));
  answer.link = link;
  return answer;
}

Result<bool, Refusal> wants_jobs(std::string_view query) {
  if (query.empty()) return true;
  const auto value = query_parameter(query, "jobs");
  if (!value) return Unexpected<Refusal>(value.error());
  if (!*value || **value == "true") return true;
  if (**value == "false") return false;
  return refuse(Problem::kInvalid, "jobs", "true or false");
}

}  // namespace vbrain::api
