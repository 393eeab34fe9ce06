#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace vbrain::job {

// A UUID version 7 (RFC 9562 section 5.7), lower case: 48 bits of milliseconds, then random bits, so that ids sort
// by creation. `random` gives at least 10 bytes. Pure.
std::string make_job_id(base::TimePoint now, std::string_view random);

// A new id for `now`, random bits from the operating system. Thread-safe.
std::string new_job_id(base::TimePoint now);

// True for any UUID in the canonical lower-case form of RFC 9562 section 4 (kubectl users may bring version 4).
bool is_job_id(std::string_view text);

// When a job id of version 7 was made; nothing for any other text.
std::optional<base::TimePoint> time_of_job_id(std::string_view id);

// The first 16 hex digits of the name's SHA-256: names of tenants may hold what label values can't.
std::string label_hash(std::string_view name);

// `<job>-<attempt>`: deterministic, so that a create sent twice is one pod.
std::string pod_name(std::string_view job_id, int attempt);

}  // namespace vbrain::job
