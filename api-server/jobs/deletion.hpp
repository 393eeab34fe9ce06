#pragma once

#include <string_view>

#include "api-server/auth/auth.hpp"
#include "api-server/errors.hpp"
#include "api-server/services.hpp"
#include "http/task.hpp"

namespace vbrain::api {

// Deletes the caller's job. Order:
//   1. the Job resource, by its UID. If that fails nothing is changed: kUnavailable.
//   2. the marker on the volume, durable: from here on every server answers 404. Fails: kJobNotDeleted.
//   3. without a resource: a finished job's folder is moved away at once (the controller does that for the others, when
//      the pod has ended). A job that has neither a resource nor a record is only on its way: its resource is looked
//      for again, since it may have been made between 1. and 2.
// Refuses with kNoRepository and kNoJob as find_job(). Throws Overloaded, and VolumeError while looking for the job.
http::Task<Result<void, Refusal>> delete_job(const Services& services, const Caller& caller, std::string_view job_id,
                                             std::string_view repository_id);

// Deletes the caller's repository with all its jobs. Order:
//   1. the resources of all its jobs, a few at a time. If one fails the rest stays: kUnavailable, and the next delete
//      goes on.
//   2. the markers of all, and finished jobs' folders away.
//   3. the repository's folder away, in one step: from here on it does not exist.
//   4. jobs that came in between 1. and 3. are deleted too.
// Refuses with kNoRepository, and with kRepositoryNotDeleted where the volume fails. Throws Overloaded, and VolumeError
// while looking for the repository.
http::Task<Result<void, Refusal>> delete_repository(const Services& services, const Caller& caller,
                                                    std::string_view repository_id);

}  // namespace vbrain::api
