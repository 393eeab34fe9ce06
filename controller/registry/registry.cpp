#include "controller/registry/registry.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.hpp"
#include "controller/reconcile/admission.hpp"

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
ReconcileResult Registry::tell(const T& object, const Readiness& readiness, std::stop_token stop) {
  const kube::ResourceType& type = T::kType;
  const kube::ObjectMeta& meta = object.meta;
  const std::vector<kube::Condition>& conditions = object.conditions;
  const ReconcileResult again = ReconcileResult::after(readiness.status == "Unknown" ? kAskAgain : kLookAgain);
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
  // A patch, because the status may have parts that others write.
  const json patch = {
      {"metadata", {{"uid", meta.uid}, {"resourceVersion", meta.resource_version}}},
      {"status", {{"observedGeneration", meta.generation}, {"conditions", json::array({kube::encode(ready)})}}}};
  const auto written = parts_.client.patch<T>(meta.namespace_name, meta.name, patch, "status", stop);
  if (!written) {
    // The watch shows the newer version.
    if (written.error().code == kube::ErrorCode::kConflict) return ReconcileResult::after(std::chrono::seconds(1));
    // Not found: it was deleted, or the definition is of a version without a status.
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

ReconcileResult Registry::look_at_application(const std::string& name, std::stop_token stop) {
  const auto application = parts_.applications.get(name);
  if (application == nullptr || application->meta.deletion_timestamp) return ReconcileResult::ok();
  const auto counts = find_application(parts_.applications, application->application_id);
  if (counts == nullptr) return ReconcileResult::ok();
  const bool is_it = counts->meta.name == name;
  const Trial trial = is_it ? try_pod(*application, stop) : Trial{};
  if (trial.error && trial.error->code == kube::ErrorCode::kCancelled) return ReconcileResult::retryable(*trial.error);
  return tell(*application, readiness_of(*application, *counts, trial), stop);
}

ReconcileResult Registry::look_at_client(const std::string& name, std::stop_token stop) {
  const auto client = parts_.clients.get(name);
  if (client == nullptr || client->meta.deletion_timestamp) return ReconcileResult::ok();
  ClientSurroundings around;
  const auto application = find_application(parts_.applications, client->application_id);
  around.application = application.get();
  const auto counts = oldest(parts_.clients.by_index(kClientsByTenant, tenant_key(*client)));
  if (counts != nullptr && counts->meta.name != name) around.older_of_tenant = counts->meta.name;
  std::vector<std::string> ids = job::key_ids(*client);
  std::ranges::sort(ids);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (i > 0 && ids[i] == ids[i - 1]) around.key_conflicts.push_back({ids[i], name});
    for (const auto& other : parts_.clients.by_index(kClientsByKey, ids[i])) {
      if (other->meta.name != name) around.key_conflicts.push_back({ids[i], other->meta.name});
    }
  }
  return tell(*client, readiness_of(*client, around, parts_.clock.now()), stop);
}

}  // namespace vbrain::controller
