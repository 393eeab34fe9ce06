#pragma once

#include <string>
#include <string_view>

#include "api-server/services.hpp"
#include "api-server/transfer/submission.hpp"
#include "artifacts/records/job_file.hpp"

namespace vbrain::api {

struct StoredRepository;

// Makes a repository of what was sent, durable before return, and empties `submission`. Blocks on the volume; throws
// VolumeError.
artifacts::RepositoryFile publish_repository(const Services& services, const artifacts::Tenant& tenant,
                                             const std::string& username, Submission& submission);

// The contract's object of a repository. `jobs` is the JSON list of its jobs. Pure.
std::string render_repository(const StoredRepository& repository, std::string_view jobs);

// The tag of the ZIP of a repository's input, known without making it: the archive is a function of this version's
// code, the files' names and contents, and the repository's time. Pure.
std::string input_etag(const artifacts::RepositoryFile& repository);

}  // namespace vbrain::api
