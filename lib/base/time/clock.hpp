#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace vbrain::base {

// Wall-clock time in UTC: milliseconds since the Unix epoch. All files and resources of vBrain have this resolution.
using TimePoint = std::chrono::sys_time<std::chrono::milliseconds>;
using SteadyPoint = std::chrono::steady_clock::time_point;

// The clocks of a program: one for times that people see, one for durations. Rules do not read a clock: their caller
// passes the time, so that tests can choose it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  virtual SteadyPoint steady() const = 0;
};

// The machine's clocks. Thread-safe.
class SystemClock final : public Clock {
 public:
  TimePoint now() const override;
  SteadyPoint steady() const override;
};

// RFC 3339 in UTC with milliseconds: "2026-01-02T03:04:05.678Z".
std::string format_rfc3339(TimePoint time);

// RFC 3339 in UTC without a fraction, the form of metav1.Time. The API server refuses a fraction there.
std::string format_rfc3339_seconds(TimePoint time);

// RFC 3339 in UTC with six digits, the form of metav1.MicroTime.
std::string format_rfc3339_micro(TimePoint time);

// IMF-fixdate of RFC 9110 section 5.6.7, the form of HTTP: "Sun, 06 Nov 1994 08:49:37 GMT". The names of days and
// months do not depend on the locale.
std::string format_imf_fixdate(TimePoint time);

// Year to second as 14 digits, UTC: "20260102030405". Repository ids begin with it.
std::string format_digits(TimePoint time);

// Reads a time of RFC 3339 section 5.6 with any offset and any fraction, which is cut to milliseconds. Returns nothing
// if the text is no such time, or if the day or hour does not exist. A leap second is read as the second before it.
std::optional<TimePoint> parse_rfc3339(std::string_view text);

}  // namespace vbrain::base
