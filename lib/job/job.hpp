#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log/request_ids.hpp"
#include "kube/api/object.hpp"

namespace vbrain::job {

// The finalizer of every Job. A deleted Job stays visible until its folder on the volume is removed.
inline constexpr std::string_view kFinalizer = "vbrain.visagio.com/artifacts";

// The label of Jobs that the REST server created, after it had published the job's folder. A Job without it was created
// with kubectl.
inline constexpr std::string_view kOriginLabel = "vbrain.visagio.com/origin";
inline constexpr std::string_view kOriginRest = "rest";

// The annotation with the `traceparent` of the request that created the job (W3C Trace Context).
inline constexpr std::string_view kTraceAnnotation = "vbrain.visagio.com/traceparent";

enum class Phase { kQueued, kStarted, kFinished, kFailed };

// The phase as the resource writes it: "Queued", "Started", "Finished" or "Failed".
std::string_view to_string(Phase phase);
// The phase as the REST API writes it: the same in lower case.
std::string_view rest_state(Phase phase);
inline bool is_terminal(Phase phase) {
  return phase == Phase::kFinished || phase == Phase::kFailed;
}

struct JobSpec {
  std::string organization_id;
  std::string application_id;
  std::string client_id;
  std::string repository_id;  // empty: a Job made with kubectl without input
  std::string username;
  std::int32_t priority = 0;
  bool suspend = false;
  bool cancel = false;
  std::string callback_url;  // told what becomes of the job (job/callback.hpp); empty: nobody
  // The inline fields of Jobs created with kubectl, as compact JSON text. Empty if absent; the REST server sets none.
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
  std::int32_t attempts = 0;          // number of the latest claimed attempt
  std::int32_t started_attempts = 0;  // of them, those whose application was started
  std::optional<std::int32_t> accepted_attempt;
  std::int32_t disruptions = 0;
  std::int64_t application_generation = 0;
  std::optional<base::TimePoint> start_time;
  std::optional<base::TimePoint> completion_time;
  std::optional<base::TimePoint> running_time;  // when the latest attempt was seen to run; absent before
  std::string duration;                         // for people, e.g. "1.2s", "3m5s"; set together with the terminal phase
  std::string pod_name;
  std::string node_name;
  std::optional<std::int32_t> exit_code;
  std::optional<base::TimePoint> next_attempt_time;
  std::optional<Artifacts> artifacts;
  std::vector<AttemptRecord> attempt_history;  // last 10, oldest first

  const kube::Condition* condition(std::string_view type) const;
  // Adds the condition, or replaces the one of the same type. lastTransitionTime changes only if `status` does.
  void set_condition(kube::Condition condition);
};

// The Job custom resource. A value; caches share it as shared_ptr<const Job>.
struct Job {
  static const kube::ResourceType kType;

  kube::ObjectMeta meta;
  JobSpec spec;
  JobStatus status;
  std::string traceparent = {};  // of kTraceAnnotation (base::is_traceparent); empty: none

  // For log lines about the job: the request that created it is known by its trace only.
  base::RequestIds ids() const;

  // The REST server published the job's folder before it created the Job. Nobody else may make a folder for it.
  bool made_by_rest() const;

  // Throws kube::DecodeError for an object that does not match the CRD's schema.
  static Job decode(const nlohmann::json& object);
};

// The member "status" of `object`, a Job or a record of one; the default status if it has none. Throws
// kube::DecodeError.
JobStatus decode_status(const nlohmann::json& object);

// The status as JSON for the API server, without absent fields. Times in conditions are metav1.Time, in whole seconds;
// all others are RFC 3339 with milliseconds.
nlohmann::json encode(const JobStatus& status);

// The body of a create request: apiVersion, kind, metadata (name, namespace, origin label, finalizer, the trace if
// there is one) and spec, without status.
nlohmann::json encode_new_job(std::string_view namespace_name, std::string_view name, const JobSpec& spec,
                              std::string_view traceparent = {});

// A duration as the printer column Duration shows it: "0.4s", "59.9s", "3m5s", "2h3m0s". A negative one is shown as
// zero.
std::string format_duration(std::chrono::milliseconds duration);

}  // namespace vbrain::job
