#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api-server/auth/auth.hpp"
#include "api-server/errors.hpp"
#include "api-server/services.hpp"
#include "http/task.hpp"

namespace vbrain::api {

// Removes what is in the tenant's trash under these names, on a pool; what a shutdown leaves there is removed by the
// controller's sweeper. Does not block.
void purge_later(const Services& services, const artifacts::Tenant& tenant, std::vector<std::string> names);

// Deletes the caller's job. Order:
//   1. the Job resource, by its UID. If that fails nothing is changed: kUnavailable.
//   2. the marker on the volume, durable. From then on every server answers 404. If that fails: kJobNotDeleted.
//   3. if there was no resource: the folder of an ended job is moved to the trash at once. (The controller moves the
//      folders of the others, when their pods have ended.) A job without a resource and without a record is being
//      created: its resource is looked for again, because it may have been created between 1. and 2.
// Refuses with kNoRepository and kNoJob as find_job(). Throws Overloaded, and VolumeError while looking for the job.
http::Task<Result<void, Refusal>> delete_job(const Services& services, const Caller& caller, std::string_view job_id,
                                             std::string_view repository_id);

// Deletes the caller's repository with all its jobs. Order:
//   1. the resources of all its jobs, a few at a time. If one fails the others stay: kUnavailable, and the next delete
//      request continues.
//   2. the markers of all; the folders of ended jobs go to the trash.
//   3. the repository's folder goes to the trash, in one step. From then on it does not exist.
//   4. jobs that were created between 1. and 3. are deleted too.
// Refuses with kNoRepository, and with kRepositoryNotDeleted where the volume fails. Throws Overloaded, and VolumeError
// while looking for the repository. `deleted` gets the ids of the jobs whose deletion has begun, also if it refuses.
http::Task<Result<void, Refusal>> delete_repository(const Services& services, const Caller& caller,
                                                    std::string_view repository_id, std::vector<std::string>& deleted);

}  // namespace vbrain::api
