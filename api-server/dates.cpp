#include "api-server/dates.hpp"

#include <algorithm>

namespace vbrain::api {

std::optional<base::TimePoint> parse_query_minute(std::string_view text) {
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (text.size() != 12 || !digits) return std::nullopt;
  const auto part = [text](std::size_t from, std::size_t length) { return std::string(text.substr(from, length)); };
  return base::parse_rfc3339(part(0, 4) + "-" + part(4, 2) + "-" + part(6, 2) + "T" + part(8, 2) + ":" + part(10, 2) +
                             ":00Z");
}

bool DateRange::contains(base::TimePoint time) const {
  return (!from || time >= *from) && (!to || time < *to + std::chrono::minutes(1));
}

std::string format_created_on(base::TimePoint time) {
  std::string text = base::format_rfc3339_seconds(time).substr(0, 19);
  text[10] = '_';
  return text;
}

}  // namespace vbrain::api
