#include "controller/registry/registry.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log/log.hpp"
#include "controller/reconcile/admission.hpp"
#include "job/oldest.hpp"

namespace vbrain::controller {
namespace {

using kube::ReconcileResult;
using nlohmann::json;

constexpr std::string_view kApplicationPrefix = "Application/";
constexpr std::string_view kClientPrefix = "Client/";
// The API server may take or refuse a pod for reasons that no watch of ours shows: a LimitRange, a policy, a webhook.
// Keys expire.
constexpr std::chrono::minutes kLookAgain{10};
constexpr std::chrono::seconds kAskAgain{30};

// The condition Ready says of the present spec whether the Application can be used.
bool has_verdict(const job::Application& application) {
  const auto found = std::ranges::find(application.conditions, kReadyCondition, &kube::Condition::type);
  return found != application.conditions.end() && found->status != "Unknown" &&
         found->observed_generation == application.meta.generation;
}

// The condition names the number of valid keys, so it is looked at again when the next one expires.
std::chrono::milliseconds until_next_expiry(const job::Client& client, base::TimePoint now) {
  std::chrono::milliseconds wait = kLookAgain;
  for (const job::Member& member : client.members) {
    for (const job::ApiKey& key : member.keys) {
      if (!key.expires_at || *key.expires_at <= now) continue;
      wait = std::min(wait, std::chrono::ceil<std::chrono::milliseconds>(*key.expires_at - now));
    }
  }
  return wait;
}

}  // namespace

std::string registry_key(const job::Application& application) {
  return std::string(kApplicationPrefix) + application.meta.name;
}

std::string registry_key(const job::Client& client) {
  return std::string(kClientPrefix) + client.meta.name;
}

std::vector<std::string> Registry::keys() const {
  std::vector<std::string> all = keys_of_clients();
  for (const auto& application : parts_.applications.list()) all.push_back(registry_key(*application));
  return all;
}

std::vector<std::string> Registry::keys_of_id(const std::string& application_id) const {
  std::vector<std::string> some;
  for (const auto& application : parts_.applications.by_index(kApplicationsById, application_id)) {
    some.push_back(registry_key(*application));
  }
  return some;
}

std::vector<std::string> Registry::keys_of_clients() const {
  std::vector<std::string> all;
  for (const auto& client : parts_.clients.list()) all.push_back(registry_key(*client));
  return all;
}

ReconcileResult Registry::reconcile(const std::string& key, std::stop_token stop) {
  if (stop.stop_requested() || !parts_.may_write()) return ReconcileResult::retryable("not leading");
  if (key.starts_with(kApplicationPrefix)) return look_at_application(key.substr(kApplicationPrefix.size()), stop);
  return look_at_client(key.substr(kClientPrefix.size()), stop);
}

template <class T>
ReconcileResult Registry::tell(const T& object, const Readiness& readiness, std::chrono::milliseconds look_again,
                               std::stop_token stop) {
  const kube::ResourceType& type = T::kType;
  const kube::ObjectMeta& meta = object.meta;
  const std::vector<kube::Condition>& conditions = object.conditions;
  const ReconcileResult again = ReconcileResult::after(look_again);
  const auto found = std::ranges::find(conditions, kReadyCondition, &kube::Condition::type);
  if (found != conditions.end() && found->observed_generation == meta.generation &&
      Readiness{found->status, found->reason, found->message} == readiness) {
    return again;
  }
  const bool changes =
      found == conditions.end() || found->status != readiness.status || found->reason != readiness.reason;
  kube::Condition ready{.type = std::string(kReadyCondition),
                        .status = readiness.status,
                        .reason = readiness.reason,
                        .message = readiness.message,
                        .last_transition_time = parts_.clock.now(),
                        .observed_generation = meta.generation};
  if (found != conditions.end() && found->status == ready.status) {
    ready.last_transition_time = found->last_transition_time;
  }
  // A patch, because the status may have parts that others write. A merge patch replaces a whole list, so it has the
  // conditions of others too.
  json list = json::array();
  for (const kube::Condition& condition : conditions) {
    if (condition.type != kReadyCondition) list.push_back(kube::encode(condition));
  }
  list.push_back(kube::encode(ready));
  const json patch = {{"metadata", {{"uid", meta.uid}, {"resourceVersion", meta.resource_version}}},
                      {"status", {{"observedGeneration", meta.generation}, {"conditions", std::move(list)}}}};
  // The dry run may have taken longer than the Lease lasts.
  if (!parts_.may_write()) return ReconcileResult::retryable("not leading");
  const auto written = parts_.client.patch<T>(meta.namespace_name, meta.name, patch, "status", stop);
  if (!written) {
    // Conflict: the watch shows the newer version, if it is not late. Not found: it was deleted, or the definition is
    // of a version without a status.
    return ReconcileResult::retryable(written.error());
  }
  if (changes && readiness.status == "False") {
    parts_.events.record(kube::reference_to(type, meta), kube::EventKind::kWarning, readiness.reason, readiness.message,
                         "Check");
    base::log_warning(
        "an Application or Client is not ready",
        {{"kind", type.kind}, {"name", meta.name}, {"reason", readiness.reason}, {"message", readiness.message}});
  }
  return again;
}

Trial Registry::try_pod(const job::Application& application, std::stop_token stop) {
  const std::string& ns = application.meta.namespace_name;
  const auto pod = build_trial_pod(application, ns, parts_.pod);
  if (!pod) return {.fault = pod.error(), .error = {}};
  // The answer to a dry run has no resourceVersion, so it is no object that could be decoded.
  const auto request = kube::create_request(kube::Pod::kType, ns, *pod, {.strict = true, .dry_run = true});
  auto taken = parts_.client.call(request, std::move(stop));
  if (taken) return {};
  return {.fault = {}, .error = std::move(taken.error())};
}

// Logs once that the pod of an Application can't be checked; its condition may not say so.
void Registry::note_check(const job::Application& application, const Readiness& readiness) {
  const std::string& name = application.meta.name;
  const std::lock_guard lock(mutex_);
  if (readiness.status != "Unknown") {
    unchecked_.erase(name);
  } else if (unchecked_.insert(name).second) {
    base::log_warning("the pod of an Application's jobs can't be checked now",
                      {{"application", name}, {"reason", readiness.reason}, {"message", readiness.message}});
  }
}

ReconcileResult Registry::look_at_application(const std::string& name, std::stop_token stop) {
  const auto application = parts_.applications.get(name);
  if (application == nullptr || application->meta.deletion_timestamp) return ReconcileResult::ok();
  const auto counts = find_application(parts_.applications, application->application_id);
  if (counts == nullptr) return ReconcileResult::ok();
  const bool is_it = counts->meta.name == name;
  const Trial trial = is_it ? try_pod(*application, stop) : Trial{};
  if (trial.error && trial.error->code == kube::ErrorCode::kCancelled) return ReconcileResult::retryable(*trial.error);
  const Readiness readiness = readiness_of(*application, *counts, trial);
  note_check(*application, readiness);
  // An answer that may be another one in a moment (429, 500, 504) says nothing of the Application, so the last verdict
  // stands. An admission webhook that supports no dry run answers so every time.
  const bool passes = trial.error && kube::is_retryable(*trial.error);
  const std::chrono::milliseconds again =
      passes ? std::max<std::chrono::milliseconds>(kAskAgain, trial.error->retry_after.value_or(kAskAgain))
             : kLookAgain;
  const bool is_told = passes && readiness.status == "Unknown" && has_verdict(*application);
  return is_told ? ReconcileResult::after(again) : tell(*application, readiness, again, stop);
}

ReconcileResult Registry::look_at_client(const std::string& name, std::stop_token stop) {
  const auto client = parts_.clients.get(name);
  if (client == nullptr || client->meta.deletion_timestamp) return ReconcileResult::ok();
  ClientSurroundings around;
  const auto application = find_application(parts_.applications, client->application_id);
  around.application = application.get();
  const auto counts = job::oldest(parts_.clients.by_index(kClientsByTenant, tenant_key(*client)));
  if (counts != nullptr && counts->meta.name != name) around.older_of_tenant = counts->meta.name;
  std::vector<std::string> ids = job::key_ids(*client);
  std::ranges::sort(ids);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0 && ids[i] == ids[i - 1]) around.key_conflicts.push_back({ids[i], name});
    for (const auto& other : parts_.clients.by_index(kClientsByKey, ids[i])) {
      if (other->meta.name != name) around.key_conflicts.push_back({ids[i], other->meta.name});
    }
  }
  const base::TimePoint now = parts_.clock.now();
  return tell(*client, readiness_of(*client, around, now), until_next_expiry(*client, now), stop);
}

}  // namespace vbrain::controller
