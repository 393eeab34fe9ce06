#pragma once

#include <string>

#include "api-server/services.hpp"
#include "api-server/submission.hpp"
#include "artifacts/job_file.hpp"

namespace vbrain::api {

// Makes a repository of what was sent, durable before return, and empties `submission`. Blocks on the volume; throws
// VolumeError.
artifacts::RepositoryFile publish_repository(const Services& services, const artifacts::Tenant& tenant,
                                             const std::string& username, Submission& submission);

}  // namespace vbrain::api
