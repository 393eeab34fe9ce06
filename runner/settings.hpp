#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace vbrain::runner {

// The runner's arguments and environment: docs/configuration.md, "Runner". The paths are those of a job's container;
// `root` is put before them in tests.
struct Settings {
  std::string root;
  std::string cgroup = "/sys/fs/cgroup";           // mount point of the cgroups
  std::string pod_uid;                             // VBRAIN_POD_UID
  std::uint64_t output_limit_bytes = 50ULL << 30;  // VBRAIN_OUTPUT_LIMIT_BYTES: all output files together
  std::uint64_t log_limit_bytes = 1ULL << 30;      // VBRAIN_LOG_LIMIT_BYTES: of stdout, of stderr, of the log folder
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

// Reads `[--root DIR] [--cgroup DIR] -- command args…` and the environment. The error is a line for people.
Result<Settings, std::string> read_settings(int argc, const char* const* argv);

// The application's environment: the variables of docs/interfaces.md override existing ones.
void export_contract(const Settings& settings);

}  // namespace vbrain::runner
