#include "api-server/jobs/space.hpp"
#include "api-server/routes/call.hpp"

namespace vbrain::api {

// What is stored is the tenant's; the role is that of the user who asks.
http::Task<Answer> get_usage(Call& call) {
  std::string usage = render_usage(space_of(call.services, call.caller.tenant));
  usage.insert(1, R"("role":")" + std::string(to_string(call.caller.role)) + R"(",)");
  co_return json_reply(200, std::move(usage));
}

}  // namespace vbrain::api
