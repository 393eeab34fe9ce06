#pragma once

#include <string>

#include "artifacts/files/safe_open.hpp"
#include "base/result.hpp"

namespace vbrain::runner {

// From job.json. A job without a repository has an empty repository_id; a job whose request had no trace has an empty
// traceparent; one whose result is not checked has an empty result_schema.
struct JobIds {
  std::string job_id{};
  std::string repository_id{};
  std::string traceparent{};
  std::string result_schema{};  // the text of a JSON object

  friend bool operator==(const JobIds&, const JobIds&) = default;
};

// Writes the objects `params` and `metadata` of job.json to the files params.json and metadata.json in `work`. Their
// bytes are unchanged, and every user may read them. An absent one becomes `{}`. Returns the ids and the schema; an
// absent one is empty. Takes constant memory (and that of the schema) whatever the size of job.json, since the
// application needs the container's memory. The error says what is wrong with job.json. Throws VolumeError if a file
// cannot be read or written.
Result<JobIds, std::string> unfold_job_json(int job_json, const artifacts::Dir& work);

}  // namespace vbrain::runner
