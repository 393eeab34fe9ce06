#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api-server/errors.hpp"
#include "base/time/clock.hpp"

namespace vbrain::api {

// The first millisecond of a minute given as YYYYMMDDHHMM, UTC. Nothing for another text, or for a day or hour that
// does not exist.
std::optional<base::TimePoint> parse_query_minute(std::string_view text);

// Both ends of a date filter, inclusive: `to` reaches to the end of its minute.
struct DateRange {
  std::optional<base::TimePoint> from;
  std::optional<base::TimePoint> to;

  bool contains(base::TimePoint time) const;
  bool is_open() const { return !from && !to; }
};

// The filter of a list's query, from its parameters from_date and to_date, each optional. A refusal names the first
// that is no such minute. Pure.
Result<DateRange, Refusal> read_date_range(std::string_view query);

// The second that a repository's id begins with; nothing if it names none.
std::optional<base::TimePoint> time_of_repository_id(std::string_view id);

// "2020-09-23_16:29:39", the contract's `created_on`, UTC.
std::string format_created_on(base::TimePoint time);

}  // namespace vbrain::api
