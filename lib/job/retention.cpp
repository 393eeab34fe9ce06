#include "job/retention.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "kube/api/object.hpp"

namespace vbrain::job {
namespace {

constexpr std::int64_t kLeastSeconds = 60;
constexpr std::int64_t kMostSeconds = 100LL * 365 * 86'400;

std::optional<std::int64_t> smaller(const std::optional<std::int64_t>& left, const std::optional<std::int64_t>& right) {
  if (!left || !right) return left ? left : right;
  return std::min(*left, *right);
}

std::optional<std::int64_t> larger(const std::optional<std::int64_t>& left, const std::optional<std::int64_t>& right) {
  if (!left || !right) return std::nullopt;
  return std::max(*left, *right);
}

// The limit in `source`. A value outside of the schema's bounds means no limit: an older schema may have let it pass,
// and what it removes is lost.
std::optional<std::int64_t> limit_of(const nlohmann::json& source, std::string_view name, std::int64_t least,
                                     std::int64_t most) {
  const auto value = kube::get_optional_int(source, name);
  return value && *value >= least && *value <= most ? value : std::nullopt;
}

}  // namespace

Retention decode_retention(const nlohmann::json& spec) {
  const nlohmann::json* source = kube::find_member(spec, "retention");
  if (source == nullptr) return {};
  return {.jobs_max_age_seconds = limit_of(*source, "jobsMaxAgeSeconds", kLeastSeconds, kMostSeconds),
          .jobs_max_count = limit_of(*source, "jobsMaxCount", 1, INT64_MAX),
          .repositories_unused_seconds = limit_of(*source, "repositoriesUnusedSeconds", kLeastSeconds, kMostSeconds)};
}

Retention stricter(const Retention& left, const Retention& right) {
  return {.jobs_max_age_seconds = smaller(left.jobs_max_age_seconds, right.jobs_max_age_seconds),
          .jobs_max_count = smaller(left.jobs_max_count, right.jobs_max_count),
          .repositories_unused_seconds = smaller(left.repositories_unused_seconds, right.repositories_unused_seconds)};
}

Retention weaker(const Retention& left, const Retention& right) {
  return {.jobs_max_age_seconds = larger(left.jobs_max_age_seconds, right.jobs_max_age_seconds),
          .jobs_max_count = larger(left.jobs_max_count, right.jobs_max_count),
          .repositories_unused_seconds = larger(left.repositories_unused_seconds, right.repositories_unused_seconds)};
}

std::optional<base::TimePoint> expiry_of(const Retention& retention, base::TimePoint ended) {
  if (!retention.jobs_max_age_seconds) return std::nullopt;
  return ended + std::chrono::seconds(*retention.jobs_max_age_seconds);
}

}  // namespace vbrain::job
