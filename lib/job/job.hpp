#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kube/api/object.hpp"

namespace vbrain::job {

// Set at create, so that a deleted Job stays visible until its folder on the volume is gone.
inline constexpr std::string_view kFinalizer = "vbrain.visagio.com/artifacts";

// Set at create by the REST server, which published the job's folder first. A Job without it was made by hand.
inline constexpr std::string_view kOriginLabel = "vbrain.visagio.com/origin";
inline constexpr std::string_view kOriginRest = "rest";

enum class Phase { kQueued, kStarted, kFinished, kFailed };

// The word of the resource: "Queued", "Started", "Finished" or "Failed".
std::string_view to_string(Phase phase);
// The word of the REST contract: the same in lower case.
std::string_view rest_state(Phase phase);
inline bool is_terminal(Phase phase) {
  return phase == Phase::kFinished || phase == Phase::kFailed;
}

struct JobSpec {
  std::string organization_id;
  std::string application_id;
  std::string client_id;
  std::string repository_id;  // empty: a Job made by hand without input
  std::string username;
  std::int32_t priority = 0;
  bool suspend = false;
  bool cancel = false;
  // Compact JSON text of the inline fields of Jobs made by hand; empty when absent, as in all that REST makes.
  std::string params;
  std::string metadata;
};

struct Artifacts {
  std::int64_t output_bytes = 0;
  std::string output_sha256;
  std::int64_t log_bytes = 0;
  std::int64_t result_bytes = 0;

  bool operator==(const Artifacts&) const = default;
};

struct AttemptRecord {
  std::int32_t attempt = 0;
  std::string pod_uid;
  std::string node_name;
  std::optional<base::TimePoint> start_time;
  std::optional<base::TimePoint> completion_time;
  std::optional<std::int32_t> exit_code;
  std::string reason;
  std::string message;
  std::string memory_limit;

  bool operator==(const AttemptRecord&) const = default;
};

struct JobStatus {
  std::int64_t observed_generation = 0;
  Phase phase = Phase::kQueued;
  std::string reason;
  std::string message;
  std::vector<kube::Condition> conditions;
  std::int32_t attempts = 0;  // highest attempt ever claimed
  std::optional<std::int32_t> accepted_attempt;
  std::int32_t disruptions = 0;
  std::int64_t application_generation = 0;
  std::optional<base::TimePoint> start_time;
  std::optional<base::TimePoint> completion_time;
  std::string duration;  // for people, e.g. "1.2s", "3m5s"; set with the terminal phase
  std::string pod_name;
  std::string node_name;
  std::optional<std::int32_t> exit_code;
  std::optional<base::TimePoint> next_attempt_time;
  std::optional<Artifacts> artifacts;
  std::vector<AttemptRecord> attempt_history;  // last 10, oldest first

  const kube::Condition* condition(std::string_view type) const;
  // Adds the condition or replaces the one of its type; lastTransitionTime changes only with `status`.
  void set_condition(kube::Condition condition);
};

// The Job custom resource. A value; the caches share it as shared_ptr<const Job>.
struct Job {
  static const kube::ResourceType kType;

  kube::ObjectMeta meta;
  JobSpec spec;
  JobStatus status;

  // Its folder was on the volume before the Job was: nobody else may make one for it.
  bool made_by_rest() const;

  // Throws kube::DecodeError for an object that the CRD's schema would not have let in.
  static Job decode(const nlohmann::json& object);
};

// The status as the API server takes it; absent fields are left out. Times are metav1.Time (whole seconds) in
// conditions, RFC 3339 with milliseconds elsewhere.
nlohmann::json encode(const JobStatus& status);

// The body of the REST server's create: apiVersion, kind, metadata (name, namespace, origin label, finalizer) and spec;
// no status.
nlohmann::json encode_new_job(std::string_view namespace_name, std::string_view name, const JobSpec& spec);

// "0.4s", "59.9s", "3m5s", "2h3m0s": what printer column Duration shows. Negative counts as zero.
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace vbrain::job
