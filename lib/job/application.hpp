#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/retention.hpp"
#include "kube/api/object.hpp"

namespace vbrain::job {

// Defaults of the Application definition. They also hold for jobs whose Application is gone.
inline constexpr std::int64_t kDefaultPreRunningDeadlineSeconds = 3600;
inline constexpr std::int64_t kDefaultTtlSeconds = 86400;

// The Application custom resource, which an operator installs. Template and schemas are kept as compact JSON text,
// because they are large and rarely read, and a text takes a fifth of the memory of a tree.
struct Application {
  static const kube::ResourceType kType;

  kube::ObjectMeta meta;
  std::string application_id;
  std::vector<std::string> organizations;  // "*" means all
  std::string template_json;               // a PodTemplateSpec
  std::int32_t backoff_limit = 0;
  std::optional<std::int64_t> active_deadline_seconds;
  std::int64_t pre_running_deadline_seconds = kDefaultPreRunningDeadlineSeconds;
  std::int64_t ttl_seconds_after_finished = kDefaultTtlSeconds;
  std::optional<std::int32_t> max_concurrent_jobs;
  std::string memory_growth_factor;  // a decimal number as text, empty: no growth
  std::string memory_growth_limit;   // a Kubernetes quantity
  std::string output_limit;          // a Kubernetes quantity, empty: none
  std::string params_schema;         // JSON Schema as text, empty: none
  std::string result_schema;
  std::vector<kube::Condition> conditions;  // of its status; only the controller's registry reads them
  Retention retention;

  bool open_to(std::string_view organization) const;

  // Throws kube::DecodeError for an object that does not match the CRD's schema.
  static Application decode(const nlohmann::json& object);
};

}  // namespace vbrain::job
