#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time/clock.hpp"

namespace vbrain::job {

// A UUID version 7 (RFC 9562 section 5.7) in lower case: 48 bits of milliseconds, then random bits. So ids sort by the
// time of creation. `random` has at least 10 bytes. Pure.
std::string make_job_id(base::TimePoint now, std::string_view random);

// A new id for the time `now`, with random bits of the operating system. Thread-safe.
std::string new_job_id(base::TimePoint now);

// Whether the text is a UUID of any version in the lower-case form of RFC 9562 section 4. Users of kubectl may use
// version 4.
bool is_job_id(std::string_view text);

// The time in a UUID of version 7; nothing for any other text.
std::optional<base::TimePoint> time_of_job_id(std::string_view id);

// The first 16 hexadecimal digits of the name's SHA-256. Names of tenants may have characters that labels do not allow.
std::string label_hash(std::string_view name);

// The pod's name `<job>-<attempt>`. It is always the same, so a create request that is sent twice makes one pod.
std::string pod_name(std::string_view job_id, int attempt);

}  // namespace vbrain::job
