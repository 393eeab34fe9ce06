#include "api-server/routes/shared_read.hpp"

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

Result<bool, Refusal> wants_jobs(std::string_view query) {
  if (query.empty()) return true;
  const auto value = query_parameter(query, "jobs");
  if (!value) return Unexpected<Refusal>(value.error());
  if (!*value || **value == "true") return true;
  if (**value == "false") return false;
  return refuse(Problem::kInvalid, "jobs", "true or false");
}

}  // namespace vbrain::api
