#include "job/retention.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "kube/api/object.hpp"

namespace vbrain::job {
namespace {

std::optional<std::int64_t> smaller(const std::optional<std::int64_t>& left, const std::optional<std::int64_t>& right) {
  if (!left || !right) return left ? left : right;
  return std::min(*left, *right);
}

}  // namespace

Retention decode_retention(const nlohmann::json& spec) {
  const nlohmann::json* source = kube::find_member(spec, "retention");
  if (source == nullptr) return {};
  return {.jobs_max_age_seconds = kube::get_optional_int(*source, "jobsMaxAgeSeconds"),
          .jobs_max_count = kube::get_optional_int(*source, "jobsMaxCount"),
          .repositories_unused_seconds = kube::get_optional_int(*source, "repositoriesUnusedSeconds")};
}

Retention stricter(const Retention& left, const Retention& right) {
  return {.jobs_max_age_seconds = smaller(left.jobs_max_age_seconds, right.jobs_max_age_seconds),
          .jobs_max_count = smaller(left.jobs_max_count, right.jobs_max_count),
          .repositories_unused_seconds = smaller(left.repositories_unused_seconds, right.repositories_unused_seconds)};
}

std::optional<base::TimePoint> expiry_of(const Retention& retention, base::TimePoint ended) {
  if (!retention.jobs_max_age_seconds) return std::nullopt;
  return ended + std::chrono::seconds(*retention.jobs_max_age_seconds);
}

}  // namespace vbrain::job
