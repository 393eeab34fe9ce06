#include "api-server/jobs/dates.hpp"

#include <algorithm>

#include "api-server/routes/router.hpp"
#include "artifacts/store/layout.hpp"

namespace vbrain::api {
namespace {

// YYYYMMDDHHMMSS.
std::optional<base::TimePoint> parse_digits(std::string_view text) {
  if (!std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  const auto part = [text](std::size_t from, std::size_t length) { return std::string(text.substr(from, length)); };
  return base::parse_rfc3339(part(0, 4) + "-" + part(4, 2) + "-" + part(6, 2) + "T" + part(8, 2) + ":" + part(10, 2) +
                             ":" + part(12, 2) + "Z");
}

}  // namespace

std::optional<base::TimePoint> parse_query_minute(std::string_view text) {
  return text.size() == 12 ? parse_digits(std::string(text) + "00") : std::nullopt;
}

std::optional<base::TimePoint> time_of_repository_id(std::string_view id) {
  return artifacts::is_repository_id(id) ? parse_digits(id.substr(0, 14)) : std::nullopt;
}

Result<DateRange, Refusal> read_date_range(std::string_view query) {
  DateRange range;
  for (const auto& [name, end] : {std::pair("from_date", &range.from), std::pair("to_date", &range.to)}) {
    const auto text = query_parameter(query, name);
    if (!text) return Unexpected<Refusal>(text.error());
    if (!*text) continue;
    *end = parse_query_minute(**text);
    if (!*end) return refuse(Problem::kInvalid, name, "the format is YYYYMMDDhhmm, in UTC");
  }
  return range;
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
