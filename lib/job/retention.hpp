#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "base/time/clock.hpp"

namespace vbrain::job {

// spec.retention of an Application or a Client: for how long ended jobs and unused repositories stay on the volume.
// Absent members mean no limit.
struct Retention {
  std::optional<std::int64_t> jobs_max_age_seconds{};         // since the end of the job
  std::optional<std::int64_t> jobs_max_count{};               // ended jobs of one tenant; the newest stay
  std::optional<std::int64_t> repositories_unused_seconds{};  // since its last job was begun or removed

  bool limits_jobs() const { return jobs_max_age_seconds || jobs_max_count; }
  bool operator==(const Retention&) const = default;
};

// The member "retention" of a spec; no limits if it is absent. A value outside of the schema's bounds (60 seconds to
// 100 years, at least one job) means no limit. Throws kube::DecodeError.
Retention decode_retention(const nlohmann::json& spec);

// The stricter of both, member by member: the smaller value applies. Pure.
Retention stricter(const Retention& left, const Retention& right);

// The weaker of both, member by member: the larger value applies, and no limit if one has none. Pure.
Retention weaker(const Retention& left, const Retention& right);

// When a job that ended at `ended` is removed because of its age; nothing without jobsMaxAgeSeconds. A full
// jobsMaxCount may remove it earlier. Pure.
std::optional<base::TimePoint> expiry_of(const Retention& retention, base::TimePoint ended);

}  // namespace vbrain::job
