#include "api-server/jobs/space.hpp"
#include "api-server/routes/call.hpp"

namespace vbrain::api {

http::Task<Answer> get_usage(Call& call) {
  co_return json_reply(200, render_usage(space_of(call.services, call.caller.tenant)));
}

}  // namespace vbrain::api
