#include "api-server/repository_service.hpp"
#include "api-server/routes/call.hpp"
#include "base/json.hpp"

#include "api-server/job_service.hpp"

namespace vbrain::api {

Task<Answer> post_repository(Call& call) {
  if (!is_application_open(call.services, call.caller.tenant)) co_return refuse(Problem::kUnknownKey);
  auto submission = co_await read_submission(call.services, call.caller.tenant, call.exchange);
  if (!submission) co_return Unexpected<Refusal>(std::move(submission.error()));
  const auto publish = [&] {
    return publish_repository(call.services, call.caller.tenant, call.caller.username, *submission).repository_id;
  };
  const std::string id = co_await run_on(call.services.volume_workers, publish);
  co_return json_reply(201,
                       R"({"message":"Repository created successfully","repository_id":)" + base::quote_json(id) + "}");
}

}  // namespace vbrain::api
