#include "http/message/date.hpp"

#include <string>

#include "base/time/clock.hpp"

namespace vbrain::http {

std::string_view http_date_now() {
  thread_local std::chrono::sys_seconds at;
  thread_local std::string text;
  const base::TimePoint now = base::SystemClock().now();
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  if (second != at || text.empty()) {
    at = second;
    text = base::format_imf_fixdate(now);
  }
  return text;
}

}  // namespace vbrain::http
