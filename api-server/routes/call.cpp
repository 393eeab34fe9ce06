#include "api-server/routes/call.hpp"

namespace vbrain::api {

namespace {

// The one list of what a line about a change says of the user.
template <class... Fields>
void log_change(const Call& call, std::string_view message, const Fields&... about) {
  base::log_info(message, {about...,
                           {"username", call.caller.username},
                           {"organization", call.caller.tenant.organization},
                           {"application", call.caller.tenant.application},
                           {"client", call.caller.tenant.client},
                           {"key_id", call.caller.key_id},
                           {"peer", call.exchange.peer},
                           {"request_id", call.context.request_id},
                           {"trace_id", call.context.trace_id()}});
}

}  // namespace

void log_by_user(const Call& call, std::string_view message, const base::LogField& about) {
  log_change(call, message, about);
}

void log_by_user(const Call& call, std::string_view message, const base::LogField& about, const base::LogField& in) {
  log_change(call, message, about, in);
}

}  // namespace vbrain::api
