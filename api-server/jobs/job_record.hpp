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
  // When to ask again, if it has not ended.
  std::chrono::seconds retry_after{1};
};

// How long a server waits for the record of an ended job. After this time it answers from the resource: results must be
// readable also on a volume that cannot be written, and a watch rarely lags that much.
inline constexpr std::chrono::seconds kRecordPatience{10};

// The status to answer with. `cached` is the status in the cache, `recorded` the one in the volume's record of the same
// job, if there is one. An answer says that a job has ended only when its record is on the volume, where every replica
// finds it. So no replica says that a job runs after another replica said that it has ended. Pure.
job::JobStatus agreed_status(const job::JobStatus& cached, const std::optional<job::JobStatus>& recorded,
                             base::TimePoint now);

// Whether the resource is one of the tenant's. Pure.
bool belongs_to(const job::Job& job, const artifacts::Tenant& tenant);

// The tenant's job, or nothing if it does not exist for that tenant: never made, another tenant's, deleted or being
// deleted. A job that the cache lacks is read from the volume: another replica created it a moment ago, or its
// ttlSecondsAfterFinished has passed. Blocks on the volume. Throws VolumeError, CorruptFile and http::Overloaded.
std::optional<JobRecord> load_job(const Services& services, const artifacts::Tenant& tenant, std::string_view job_id);

// {"job_id", "job_status", …}: the contract's object is the head, StoredJob::shown, perhaps `,"jobs":` and the list of
// the repository's jobs, and the tail. `expires` is the time when the job is removed. Pure.
std::string render_job_head(const JobRecord& record);
std::string render_job_head(std::string_view job_id, job::Phase phase);
std::string render_job_tail(const job::JobStatus& status, const std::optional<base::TimePoint>& expires);

}  // namespace vbrain::api
