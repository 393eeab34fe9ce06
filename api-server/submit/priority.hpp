#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "api-server/errors.hpp"
#include "job/client.hpp"

namespace vbrain::api {

// The field `priority` of new work: among the jobs that wait for the same maxConcurrentJobs the higher one starts
// first (crds/job.yaml has the same limits).
inline constexpr std::int32_t kLeastPriority = -1000;
inline constexpr std::int32_t kMostPriority = 1000;

// The number in a field of a form or in a JSON body: an integer, perhaps with blanks around it, in decimal digits or
// as any JSON number without a fraction (`5.0`). Pure.
Result<std::int32_t, Refusal> read_priority(std::string_view text);

// The highest priority that a user of this role may give: only leaders let their jobs overtake those of others. Pure.
std::int32_t most_priority(job::Role role);

// The refusal of a priority that the role does not allow. Pure.
std::optional<Refusal> refuse_priority(job::Role role, std::int32_t priority);

}  // namespace vbrain::api
