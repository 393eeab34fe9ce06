#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/files/safe_open.hpp"
#include "artifacts/records/claim.hpp"
#include "artifacts/records/manifest.hpp"
#include "base/result.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

// The open folder of an attempt. An application may have removed rights from it and from its files. They are restored
// if this process is the owner.
class AttemptFolder {
 public:
  // Nothing if the job, whose folder is at `job` below `root`, has no folder of this attempt.
  static std::optional<AttemptFolder> open(const Dir& root, const std::string& job, int number);

  std::optional<Claim> read_claim() const;
  // Nothing: there is no manifest yet. An error: the manifest is invalid; a short reason.
  std::optional<Result<Manifest, std::string>> read_manifest() const;
  std::optional<OpenFile> open_file(std::string_view name) const;
  // Claims for the controller, so that the attempt never starts: see take_claim.
  ClaimResult close(base::TimePoint now) const;

 private:
  friend class JobFolder;
  explicit AttemptFolder(Dir folder) : folder_(std::move(folder)) {}
  Dir folder_;
};

// The open folder of a job: steps that follow each other look up its path once. If the folder is moved to `.trash` in
// the meantime, they use it there. Like Store, it may be used by several threads, blocks on the volume, and throws
// VolumeError and CorruptFile.
class JobFolder {
 public:
  // `path` is below `root`. Nothing if there is no such folder.
  static std::optional<JobFolder> open(const Dir& root, const std::string& path);

  // See the functions of the same names in Store.
  bool is_deleted() const;
  std::optional<nlohmann::json> read_status() const;
  void write_status(const nlohmann::json& record) const;
  std::vector<int> attempts() const;
  // Whether the job has its own input.
  bool has_input() const;
  // The attempt's folder. If it is missing it is created, durable, with logs/ in it.
  AttemptFolder make_attempt(int number) const;

 private:
  explicit JobFolder(Dir folder) : folder_(std::move(folder)) {}
  Dir folder_;
};

// The content of the status.json at `path` below `root`. Nothing if it does not exist.
std::optional<nlohmann::json> read_record(const Dir& root, const std::string& path);

// Makes attempts/1/logs in a staged folder, so that the first attempt needs no new folder. Returns the folder
// attempts/, which the caller syncs.
Dir add_first_attempt(const Dir& staged);

}  // namespace vbrain::artifacts
