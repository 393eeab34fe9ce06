#pragma once

#include <string>

#include "artifacts/store/safe_open.hpp"
#include "base/result.hpp"

namespace vbrain::runner {

// Writes the objects `params` and `metadata` of job.json to params.json and metadata.json in `work`, unchanged and
// readable for everybody; `{}` for one that is absent. Takes constant memory however large job.json is, since the
// container's limit is the application's. The error says what is wrong with job.json. Throws VolumeError if a file
// cannot be read or written.
Result<void, std::string> unfold_job_json(int job_json, const artifacts::Dir& work);

}  // namespace vbrain::runner
