#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api-server/services.hpp"
#include "api-server/transfer/submission.hpp"
#include "artifacts/records/job_file.hpp"
#include "base/log/request_ids.hpp"

namespace vbrain::api {

// The id of a repository that was chosen before, and the record of the Idempotency-Key that names it.
struct KnownRepository {
  std::string id;
  std::string key_record;
};

// Publishes a repository with the files and fields of `submission`, which is empty afterwards. It is durable when this
// returns. If `known` was published already for the same key, that one stays. `ids`: of the request, for log lines.
// Blocks on the volume; throws VolumeError.
artifacts::RepositoryFile publish_repository(const Services& services, const artifacts::Tenant& tenant,
                                             const std::string& username, Submission& submission,
                                             const base::RequestIds& ids,
                                             const std::optional<KnownRepository>& known = {});

// Removes a repository that was made for a request which gets an error, unless a job uses it. Blocks on the volume;
// throws VolumeError.
void take_back_repository(const artifacts::Store& volume, const artifacts::Tenant& tenant,
                          const std::string& repository_id, const base::RequestIds& ids);

// The ETag of the ZIP of a repository's input, without making the ZIP: its bytes depend only on this version of the
// code, the names and contents of the files, and the repository's time. Pure.
std::string input_etag(const artifacts::RepositoryFile& repository);

}  // namespace vbrain::api
