#include "api-server/submit/priority.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/json/whole_number.hpp"

namespace vbrain::api {

Result<std::int32_t, Refusal> read_priority(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
  std::int32_t digits = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), digits);
  const bool plain = error == std::errc() && end == text.data() + text.size();
  // Programs that know one kind of number write 5.0.
  const auto number = plain ? std::optional<std::int64_t>(digits) : base::whole_number_of(text);
  if (!number || *number < kLeastPriority || *number > kMostPriority) {
    return refuse(Problem::kInvalid, "priority", "not an integer from -1000 to 1000; send one, or leave it out for 0");
  }
  return static_cast<std::int32_t>(*number);
}

std::int32_t most_priority(job::Role role) {
  return role == job::Role::kLeader ? kMostPriority : 0;
}

std::optional<Refusal> refuse_priority(job::Role role, std::int32_t priority) {
  if (priority <= most_priority(role)) return std::nullopt;
  return Refusal{.problem = Problem::kNotPermitted,
                 .detail = "only a leader may give a priority above 0. Remedy: send 0 or less, or ask a leader"};
}

}  // namespace vbrain::api
