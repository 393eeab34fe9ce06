#include "controller/registry/readiness.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "controller/planning/pod_refusal.hpp"
#include "job/causes.hpp"
#include "job/schemas.hpp"

namespace vbrain::controller {
namespace {

constexpr std::string_view kNobody = "00000000-0000-0000-0000-000000000000";

Readiness not_ready(std::string_view reason, std::string_view detail) {
  return {"False", std::string(reason), job::tell(reason, detail)};
}

std::string quoted(const std::string& name) {
  return "'" + name + "'";
}

}  // namespace

Result<nlohmann::json, std::string> build_trial_pod(const job::Application& application,
                                                    const std::string& namespace_name, const PodSettings& settings) {
  job::Job job;
  job.meta.name = kNobody;
  job.meta.uid = kNobody;
  job.meta.namespace_name = namespace_name;
  job.spec.organization_id = job.spec.client_id = "dry-run";
  job.spec.application_id = application.application_id;
  job.status.attempts = 1;
  const PodPaths paths{.runner = "bin", .job_file = "job.json", .input = "input", .attempt = "attempt"};
  return build_pod(application, job, 1, paths, settings);
}

Readiness readiness_of(const job::Application& application, const job::Application& counts, const Trial& trial) {
  if (counts.meta.name != application.meta.name) {
    return not_ready("DuplicateId", "Application " + quoted(counts.meta.name) +
                                        " is older and has the same applicationId " +
                                        quoted(application.application_id) + ", and jobs use that one");
  }
  if (!trial.fault.empty()) return not_ready("InvalidTemplate", trial.fault);
  if (const std::string fault = job::schema_fault(application); !fault.empty())
    return not_ready("InvalidSchema", fault);
  if (!trial.error) return {"True", "Accepted", "the API server takes the pod of its jobs"};
  const PodRefusal refusal = classify_refusal(*trial.error);
  switch (refusal.kind) {
    case PodRefusal::Kind::kQuota:
      // The pod itself is well formed.
      return {"True", "Accepted",
              "the API server takes the pod of its jobs; at present a ResourceQuota is full: " + refusal.message};
    case PodRefusal::Kind::kTemplate:
    case PodRefusal::Kind::kQuotaTooSmall:
    case PodRefusal::Kind::kForbidden:
      return not_ready(reason_of(refusal.kind), refusal.message);
    case PodRefusal::Kind::kNoAnswer:
    case PodRefusal::Kind::kOther:
      break;
  }
  return {"Unknown", "NotChecked", job::tell("NotChecked", refusal.message)};
}

namespace {

Readiness usability_of(const job::Client& client, const ClientSurroundings& around, base::TimePoint now) {
  if (!around.older_of_tenant.empty()) {
    return not_ready("DuplicateTenant",
                     "Client " + quoted(around.older_of_tenant) +
                         " is older and names the same organization, application and client; the members of both "
                         "count, and maxConcurrentJobs of the older one");
  }
  if (!around.key_conflicts.empty()) {
    const KeyConflict& first = around.key_conflicts.front();
    const std::string where =
        first.client == client.meta.name ? " is there twice" : " is also in Client " + quoted(first.client);
    return not_ready("KeyIdTaken",
                     "the key id " + quoted(first.id) + where + "; both keys work, but logs can't tell them apart");
  }
  if (around.application == nullptr) {
    return not_ready("UnknownApplication",
                     "there is no Application with applicationId " + quoted(client.application_id));
  }
  if (!around.application->open_to(client.organization_id)) {
    return not_ready("ApplicationNotAllowed", "Application " + quoted(around.application->meta.name) +
                                                  " is not open to organization " + quoted(client.organization_id));
  }
  std::size_t keys = 0;
  std::size_t expired = 0;
  for (const job::Member& member : client.members) {
    keys += member.keys.size();
    expired += static_cast<std::size_t>(std::ranges::count_if(
        member.keys, [&](const job::ApiKey& key) { return key.expires_at && *key.expires_at <= now; }));
  }
  if (keys == expired) {
    return not_ready("NoKey", std::string(keys == 0 ? "no member has a key" : "all keys have expired") +
                                  ", so nobody can use the Client");
  }
  return {"True", "Accepted",
          "members: " + std::to_string(client.members.size()) + ", valid keys: " + std::to_string(keys - expired) +
              ", expired keys: " + std::to_string(expired)};
}

}  // namespace

Readiness readiness_of(const job::Client& client, const ClientSurroundings& around, base::TimePoint now) {
  Readiness readiness = usability_of(client, around, now);
  if (client.purge_confirmed) {
    readiness.message +=
        "; will be purged: deleting this Client removes the jobs, repositories and files of the tenant. "
        "To keep them, remove the annotation " +
        std::string(job::kPurgeAnnotation);
  }
  return readiness;
}

}  // namespace vbrain::controller
