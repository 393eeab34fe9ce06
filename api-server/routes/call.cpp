#include "api-server/routes/call.hpp"

namespace vbrain::api {

void log_by_user(const Call& call, std::string_view message, const base::LogField& about) {
  base::log_info(message, {about,
                           {"username", call.caller.username},
                           {"organization", call.caller.tenant.organization},
                           {"application", call.caller.tenant.application},
                           {"client", call.caller.tenant.client},
                           {"key_id", call.caller.key_id},
                           {"peer", call.exchange.peer},
                           {"request_id", call.context.request_id},
                           {"trace_id", call.context.trace_id()}});
}

void log_by_user(const Call& call, std::string_view message, const base::LogField& about, const base::LogField& in) {
  base::log_info(message, {about,
                           in,
                           {"username", call.caller.username},
                           {"organization", call.caller.tenant.organization},
                           {"application", call.caller.tenant.application},
                           {"client", call.caller.tenant.client},
                           {"key_id", call.caller.key_id},
                           {"peer", call.exchange.peer},
                           {"request_id", call.context.request_id},
                           {"trace_id", call.context.trace_id()}});
}

}  // namespace vbrain::api
