#include "controller/planning/folder_rules.hpp"

#include <nlohmann/json.hpp>
#include <string>

namespace vbrain::controller {
namespace {

// A time so far in the future means that a clock was changed; the scan does not wait for it.
constexpr std::chrono::hours kBeyondSkew{1};

bool is_settled(std::chrono::milliseconds age) {
  return age > kFolderPatience || age < -kBeyondSkew;
}

}  // namespace

FolderCare judge_folder(const FolderFacts& facts) {
  using Resource = FolderFacts::Resource;
  if (facts.resource == Resource::kBeingDeleted || !is_settled(facts.age)) return FolderCare::kNone;
  if (facts.resource == Resource::kPresent) return facts.deleted ? FolderCare::kDeleteResource : FolderCare::kNone;
  if (facts.deleted) return FolderCare::kRemoveFolder;
  return facts.recorded ? FolderCare::kNone : FolderCare::kCreateResource;
}

nlohmann::json encode_recovered_job(std::string_view namespace_name, const artifacts::JobFile& file) {
  job::JobSpec spec;
  spec.organization_id = file.tenant.organization;
  spec.application_id = file.tenant.application;
  spec.client_id = file.tenant.client;
  spec.repository_id = file.repository_id;
  spec.username = file.created_by;
  spec.priority = file.priority;
  spec.callback_url = file.callback_url;
  nlohmann::json body = job::encode_new_job(namespace_name, file.job_id, spec, file.traceparent);
  body["metadata"]["labels"][std::string(kRecoveredLabel)] = "true";
  return body;
}

bool is_recovered(const job::Job& job) {
  return job.meta.labels.contains(std::string(kRecoveredLabel));
}

}  // namespace vbrain::controller
