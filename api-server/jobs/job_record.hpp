#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api-server/jobs/volume_view.hpp"
#include "api-server/services.hpp"
#include "job/job.hpp"

namespace vbrain::api {

// What is known of one job: its folder's job.json, and its status by the resource or by the record on the volume
// (status.json).
struct JobRecord {
  std::shared_ptr<const StoredJob> stored;
  std::shared_ptr<const job::JobStatus> status;
  bool on_volume = true;  // false: a Job made with kubectl whose folder is not there (yet)
  // The cache has a resource whose folder should be there and is not: the resource may be gone. Ask the API server.
  bool unconfirmed = false;
};

// For how long a server waits for the record of an ended job before it answers without. A volume that cannot be written
// keeps nobody from reading a result; and a watch is hardly ever that late.
inline constexpr std::chrono::seconds kRecordPatience{10};

// The status to answer with. `cached` is what the watch told, `recorded` the status in the volume's record of the same
// job, if there is one. A job is said to have ended once its record is on the volume, where every replica finds it: so
// no replica says that a job runs after another one said that it has ended. Pure.
job::JobStatus agreed_status(const job::JobStatus& cached, const std::optional<job::JobStatus>& recorded,
                             base::TimePoint now);

// Whether the resource is one of the tenant's. Pure.
bool belongs_to(const job::Job& job, const artifacts::Tenant& tenant);

// The tenant's job, or nothing if it does not exist for that tenant: never made, another tenant's, deleted or being
// deleted. A job that the cache lacks (another replica made it a moment ago, or its time is over) is read from the
// volume. Blocks on the volume. Throws VolumeError, CorruptFile and http::Overloaded.
std::optional<JobRecord> load_job(const Services& services, const artifacts::Tenant& tenant, std::string_view job_id);

// {"job_id", "job_status", …}: the contract's object. `jobs` is the JSON list of the repository's jobs. Pure.
std::string render_job(const JobRecord& record, std::string_view jobs);

}  // namespace vbrain::api
