#pragma once

#include <map>
#include <string>

namespace vbrain::testing {

// The variables that an application finds (docs/interfaces.md), without the pod's UID. The controller or the runner
// sets them; the tests of both use this list, so that an application cannot see which of the two it was.
struct JobVariables {
  std::string root{};  // precedes the paths in tests of the runner
  std::string job_id{};
  std::string attempt{};
  std::string repository_id{};
  std::string output_limit{};

  std::map<std::string, std::string> list() const {
    return {{"VBRAIN_INPUT_DIR", root + "/vbrain/input"},
            {"VBRAIN_PARAMS_FILE", root + "/vbrain/work/params.json"},
            {"VBRAIN_METADATA_FILE", root + "/vbrain/work/metadata.json"},
            {"VBRAIN_OUTPUT_DIR", root + "/vbrain/work/output"},
            {"VBRAIN_RESULT_FILE", root + "/vbrain/work/result.json"},
            {"VBRAIN_LOG_DIR", root + "/vbrain/work/logs"},
            {"VBRAIN_JOB_ID", job_id},
            {"VBRAIN_JOB_ATTEMPT", attempt},
            {"VBRAIN_REPOSITORY_ID", repository_id},
            {"VBRAIN_OUTPUT_LIMIT_BYTES", output_limit},
            {"VBRAIN_LOG_LIMIT_BYTES", ""}};
  }
};

}  // namespace vbrain::testing
