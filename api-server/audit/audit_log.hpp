#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <vector>

#include "api-server/audit/audit_line.hpp"
#include "api-server/auth/failure_limit.hpp"
#include "base/time/clock.hpp"

namespace vbrain::api {

// Writes audit lines to the log, whatever the level of the log is. Those of senders who are not authenticated are
// bounded, so that a flood of them neither fills the log nor hides other lines: kPerSource a minute for a source (as
// FailureLimit), kPerServer a minute for all. Those that are left out are counted. Thread-safe.
class AuditLog {
 public:
  static constexpr std::uint64_t kPerSource = 60;
  static constexpr std::uint64_t kPerServer = 600;

  void write(const std::vector<AuditLine>& lines);
  // Whether the refusal of a sender who is not authenticated gets its lines; if not, it is counted.
  bool has_room(std::string_view peer, base::SteadyPoint now);
  // Counts the refusal of a tenant that has had too many, so that its lines do not hide those of others.
  void leave_out() { ++left_out_; }
  // Writes one line with the number of refusals that were left out since the last call, if there were any.
  void report_left_out();

 private:
  FailureLimit of_source_{kPerSource};
  FailureLimit of_server_{kPerServer};
  std::atomic<std::uint64_t> left_out_{0};
};

}  // namespace vbrain::api
