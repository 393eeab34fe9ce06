#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace vbrain::runner {

struct JobIds;

// The runner's arguments and environment: docs/configuration.md, "Runner". The paths are those of a job's container;
// `root` is put before them in tests.
struct Settings {
  std::string root;
  std::string cgroup = "/sys/fs/cgroup";  // mount point of the cgroups
  std::string pod_uid;                    // VBRAIN_POD_UID
  // --attempt: the runner sets all variables of the contract. 0: the pod sets them, with the number and the limits.
  std::uint32_t attempt_number = 0;
  std::string output_limit;                        // --output-limit as written; empty if it is absent
  std::uint64_t output_limit_bytes = 50ULL << 30;  // all output files together
  std::uint64_t log_limit_bytes = 1ULL << 30;      // of stdout, of stderr, of the log folder
  std::vector<std::string> command;

  std::string attempt() const { return root + "/vbrain/attempt"; }
  std::string job_file() const { return root + "/vbrain/job.json"; }
  std::string input() const { return root + "/vbrain/input"; }
  std::string work() const { return root + "/vbrain/work"; }
  std::string termination_log() const { return root + "/dev/termination-log"; }
};

// Exit codes besides those of the application.
inline constexpr int kClaimLost = 121;
inline constexpr int kSealFailed = 122;
inline constexpr int kExecFailed = 123;
inline constexpr int kInvalidResult = 124;
inline constexpr int kOwnFailure = 125;

// Reads `[--attempt N [--output-limit BYTES]] [--root DIR] [--cgroup DIR] -- command args…` and the environment. With
// --attempt it takes no limit from the environment, which an image can set. The error is a line for people.
Result<Settings, std::string> read_settings(int argc, const char* const* argv);

// Sets VBRAIN_JOB_ATTEMPT, if the pod does not. Failpoints ask for it too, so it is called first.
void export_attempt_number(const Settings& settings);

// The application's environment: the variables of docs/interfaces.md override existing ones. `job` may be empty if the
// pod sets the variables.
void export_contract(const Settings& settings, const JobIds& job);

}  // namespace vbrain::runner
