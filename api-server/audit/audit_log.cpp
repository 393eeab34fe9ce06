#include "api-server/audit/audit_log.hpp"

#include <string>

#include "base/log/log_members.hpp"

namespace vbrain::api {

void AuditLog::write(const std::vector<AuditLine>& lines) {
  for (const AuditLine& line : lines) base::log_members(line.message, line.members);
}

bool AuditLog::has_room(std::string_view peer, base::SteadyPoint now) {
  if (!of_source_.count(peer, now) && !of_server_.count({}, now)) return true;
  ++left_out_;
  return false;
}

void AuditLog::report_left_out() {
  const std::uint64_t count = left_out_.exchange(0);
  if (count == 0) return;
  base::log_members("refusals were left out: too many of one sender in a short time",
                    R"("audit":true,"action":"refusals.left_out","count":)" + std::to_string(count));
}

}  // namespace vbrain::api
