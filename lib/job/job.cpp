#include "job/job.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/text/traceparent.hpp"
#include "job/decode.hpp"

namespace vbrain::job {
namespace {

using kube::DecodeError;
using kube::find_member;
using kube::get_bool;
using kube::get_int;
using kube::get_optional_int;
using kube::get_string;
using kube::get_time;
using nlohmann::json;

struct PhaseNames {
  Phase phase;
  std::string_view resource;
  std::string_view rest;
};

constexpr std::array<PhaseNames, 4> kPhases = {{
    {Phase::kQueued, "Queued", "queued"},
    {Phase::kStarted, "Started", "started"},
    {Phase::kFinished, "Finished", "finished"},
    {Phase::kFailed, "Failed", "failed"},
}};

const PhaseNames& names_of(Phase phase) {
  return kPhases[static_cast<std::size_t>(phase)];
}

Phase decode_phase(const json& status) {
  const std::string text = get_string(status, "phase", "Queued");
  const auto found = std::ranges::find(kPhases, text, &PhaseNames::resource);
  if (found == kPhases.end()) throw DecodeError("field 'phase' is not Queued, Started, Finished or Failed");
  return found->phase;
}

std::optional<std::int32_t> get_optional_int32(const json& object, std::string_view key) {
  const auto value = get_optional_int(object, key);
  if (!value) return std::nullopt;
  if (*value < INT32_MIN || *value > INT32_MAX) throw DecodeError("field '" + std::string(key) + "' is out of range");
  return static_cast<std::int32_t>(*value);
}

std::int32_t get_int32(const json& object, std::string_view key) {
  return get_optional_int32(object, key).value_or(0);
}

std::string inline_object(const json& spec, std::string_view key) {
  const json* member = find_member(spec, key);
  return member == nullptr ? std::string() : member->dump();
}

JobSpec decode_spec(const json& object) {
  const json& source = spec_of(object);
  JobSpec spec;
  spec.organization_id = get_string(source, "organizationId");
  spec.application_id = get_string(source, "applicationId");
  spec.client_id = get_string(source, "clientId");
  spec.repository_id = get_string(source, "repositoryId");
  spec.username = get_string(source, "username");
  spec.priority = get_int32(source, "priority");
  spec.suspend = get_bool(source, "suspend");
  spec.cancel = get_bool(source, "cancel");
  spec.callback_url = get_string(source, "callbackURL");
  spec.params = inline_object(source, "params");
  spec.metadata = inline_object(source, "metadata");
  return spec;
}

Artifacts decode_artifacts(const json& source) {
  return {get_int(source, "outputBytes"), get_string(source, "outputSha256"), get_int(source, "logBytes"),
          get_int(source, "resultBytes")};
}

AttemptRecord decode_attempt(const json& source) {
  return {get_int32(source, "attempt"),  get_string(source, "podUid"),       get_string(source, "nodeName"),
          get_time(source, "startTime"), get_time(source, "completionTime"), get_optional_int32(source, "exitCode"),
          get_string(source, "reason"),  get_string(source, "message"),      get_string(source, "memoryLimit")};
}

// Anybody who may write Jobs can set the annotation.
std::string decode_trace(const json& object) {
  const json& annotations = kube::member_or_null(kube::member_or_null(object, "metadata"), "annotations");
  std::string trace = kube::text_or_empty(annotations, kTraceAnnotation);
  return base::is_traceparent(trace) ? trace : std::string();
}

void put(json& target, const char* key, const std::string& value) {
  if (!value.empty()) target[key] = value;
}

template <class T>
void put(json& target, const char* key, const std::optional<T>& value) {
  if (value) target[key] = *value;
}

void put(json& target, const char* key, const std::optional<base::TimePoint>& value) {
  if (value) target[key] = base::format_rfc3339(*value);
}

json encode(const Artifacts& artifacts) {
  json target{{"outputBytes", artifacts.output_bytes},
              {"logBytes", artifacts.log_bytes},
              {"resultBytes", artifacts.result_bytes}};
  put(target, "outputSha256", artifacts.output_sha256);
  return target;
}

json encode(const AttemptRecord& record) {
  json target{{"attempt", record.attempt}};
  put(target, "podUid", record.pod_uid);
  put(target, "nodeName", record.node_name);
  put(target, "startTime", record.start_time);
  put(target, "completionTime", record.completion_time);
  put(target, "exitCode", record.exit_code);
  put(target, "reason", record.reason);
  put(target, "message", record.message);
  put(target, "memoryLimit", record.memory_limit);
  return target;
}

}  // namespace

const kube::ResourceType Job::kType{"vbrain.visagio.com", "v1", "jobs", "Job"};

std::string_view to_string(Phase phase) {
  return names_of(phase).resource;
}
std::string_view rest_state(Phase phase) {
  return names_of(phase).rest;
}

const kube::Condition* JobStatus::condition(std::string_view type) const {
  const auto found = std::ranges::find(conditions, type, &kube::Condition::type);
  return found == conditions.end() ? nullptr : &*found;
}

void JobStatus::set_condition(kube::Condition condition) {
  const auto found = std::ranges::find(conditions, condition.type, &kube::Condition::type);
  if (found == conditions.end()) {
    conditions.push_back(std::move(condition));
    return;
  }
  if (found->status == condition.status) condition.last_transition_time = found->last_transition_time;
  *found = std::move(condition);
}

base::RequestIds Job::ids() const {
  return {.request_id = {}, .trace_id = std::string(base::trace_id_of(traceparent))};
}

bool Job::made_by_rest() const {
  const auto found = meta.labels.find(std::string(kOriginLabel));
  return found != meta.labels.end() && found->second == kOriginRest;
}

JobStatus decode_status(const json& object) {
  JobStatus status;
  const json* found = find_member(object, "status");
  if (found == nullptr) return status;
  const json& source = *found;
  status.observed_generation = get_int(source, "observedGeneration");
  status.phase = decode_phase(source);
  status.reason = get_string(source, "reason");
  status.message = get_string(source, "message");
  for (const json& item : list_of(source, "conditions")) status.conditions.push_back(kube::decode_condition(item));
  status.attempts = get_int32(source, "attempts");
  status.started_attempts = get_int32(source, "startedAttempts");
  status.accepted_attempt = get_optional_int32(source, "acceptedAttempt");
  status.disruptions = get_int32(source, "disruptions");
  status.application_generation = get_int(source, "applicationGeneration");
  status.start_time = get_time(source, "startTime");
  status.completion_time = get_time(source, "completionTime");
  status.running_time = get_time(source, "runningTime");
  status.duration = get_string(source, "duration");
  status.pod_name = get_string(source, "podName");
  status.node_name = get_string(source, "nodeName");
  status.exit_code = get_optional_int32(source, "exitCode");
  status.next_attempt_time = get_time(source, "nextAttemptTime");
  if (const json* artifacts = find_member(source, "artifacts")) status.artifacts = decode_artifacts(*artifacts);
  for (const json& item : list_of(source, "attemptHistory")) status.attempt_history.push_back(decode_attempt(item));
  return status;
}

Job Job::decode(const json& object) {
  return {kube::decode_meta(object), decode_spec(object), decode_status(object), decode_trace(object)};
}

json encode(const JobStatus& status) {
  json target{
      {"phase", to_string(status.phase)}, {"attempts", status.attempts}, {"startedAttempts", status.started_attempts}};
  if (status.observed_generation != 0) target["observedGeneration"] = status.observed_generation;
  put(target, "reason", status.reason);
  put(target, "message", status.message);
  if (!status.conditions.empty()) {
    json& conditions = target["conditions"] = json::array();
    for (const kube::Condition& condition : status.conditions) conditions.push_back(kube::encode(condition));
  }
  put(target, "acceptedAttempt", status.accepted_attempt);
  if (status.disruptions != 0) target["disruptions"] = status.disruptions;
  if (status.application_generation != 0) target["applicationGeneration"] = status.application_generation;
  put(target, "startTime", status.start_time);
  put(target, "completionTime", status.completion_time);
  put(target, "runningTime", status.running_time);
  put(target, "duration", status.duration);
  put(target, "podName", status.pod_name);
  put(target, "nodeName", status.node_name);
  put(target, "exitCode", status.exit_code);
  put(target, "nextAttemptTime", status.next_attempt_time);
  if (status.artifacts) target["artifacts"] = encode(*status.artifacts);
  if (!status.attempt_history.empty()) {
    json& history = target["attemptHistory"] = json::array();
    for (const AttemptRecord& record : status.attempt_history) history.push_back(encode(record));
  }
  return target;
}

json encode_new_job(std::string_view namespace_name, std::string_view name, const JobSpec& spec,
                    std::string_view traceparent) {
  json target{{"organizationId", spec.organization_id},
              {"applicationId", spec.application_id},
              {"clientId", spec.client_id},
              {"username", spec.username}};
  put(target, "repositoryId", spec.repository_id);
  if (spec.priority != 0) target["priority"] = spec.priority;
  if (spec.suspend) target["suspend"] = true;
  put(target, "callbackURL", spec.callback_url);
  if (!spec.params.empty()) target["params"] = json::parse(spec.params);
  if (!spec.metadata.empty()) target["metadata"] = json::parse(spec.metadata);
  json metadata{{"name", name},
                {"namespace", namespace_name},
                {"labels", {{kOriginLabel, kOriginRest}}},
                {"finalizers", {kFinalizer}}};
  if (!traceparent.empty()) metadata["annotations"] = {{kTraceAnnotation, traceparent}};
  return {{"apiVersion", kube::api_version(Job::kType)},
          {"kind", Job::kType.kind},
          {"metadata", std::move(metadata)},
          {"spec", std::move(target)}};
}

std::string format_duration(std::chrono::milliseconds duration) {
  const std::int64_t total = std::max<std::int64_t>(duration.count(), 0);
  if (total < 60'000) return std::to_string(total / 1000) + "." + std::to_string(total % 1000 / 100) + "s";
  const std::int64_t seconds = total / 1000;
  const std::string tail = std::to_string(seconds / 60 % 60) + "m" + std::to_string(seconds % 60) + "s";
  return seconds < 3600 ? tail : std::to_string(seconds / 3600) + "h" + tail;
}

}  // namespace vbrain::job
