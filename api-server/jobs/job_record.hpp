#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api-server/jobs/volume_view.hpp"
#include "api-server/services.hpp"
#include "job/job.hpp"

namespace vbrain::api {

// What is known of one job: its folder's job.json, and the status of the resource or, once that is gone, of the record
// on the volume.
struct JobRecord {
  std::shared_ptr<const StoredJob> stored;
  std::shared_ptr<const job::JobStatus> status;
  bool on_volume = true;  // false: a Job made with kubectl whose folder is not there (yet)
};

// Whether the resource is one of the tenant's. Pure.
bool belongs_to(const job::Job& job, const artifacts::Tenant& tenant);

// The tenant's job, or nothing if it does not exist for that tenant: never made, another tenant's, deleted or being
// deleted. The resource in the cache gives the status; what the cache lacks (another replica made it a moment ago, or
// it was archived) is looked up on the volume. Blocks on the volume; throws VolumeError and CorruptFile.
std::optional<JobRecord> load_job(const Services& services, const artifacts::Tenant& tenant, std::string_view job_id);

// {"job_id", "job_status", …}: the contract's object. `jobs` is the JSON list of the repository's jobs. Pure.
std::string render_job(const JobRecord& record, std::string_view jobs);

}  // namespace vbrain::api
