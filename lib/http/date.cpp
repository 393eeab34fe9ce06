#include "http/date.hpp"

#include <array>
#include <cstdio>

namespace vbrain::http {

std::string format_http_date(std::time_t time) {
  // Not strftime: day and month names must not follow the locale.
  static constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                                   kDays.at(parts.tm_wday), parts.tm_mday, kMonths.at(parts.tm_mon),
                                   parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string_view http_date_now() {
  thread_local std::time_t at = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != at || text.empty()) {
    at = now;
    text = format_http_date(now);
  }
  return text;
}

}  // namespace vbrain::http
