#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "artifacts/archive/left_out.hpp"
#include "artifacts/files/safe_open.hpp"
#include "artifacts/records/claim.hpp"

namespace vbrain::runner {

// The attempt's folder on the volume, kept open from before the application starts. The application has the same user:
// it may change the modes of everything in it. Without Landlock in the kernel it may also remove, rename and create
// entries. Single-threaded.
class AttemptFolder {
 public:
  // Opens the folder. Throws VolumeError.
  explicit AttemptFolder(const std::string& path);

  const artifacts::Dir& dir() const { return dir_; }
  const artifacts::Dir& logs() const { return *logs_; }

  // Claims the attempt. Call first.
  artifacts::ClaimResult claim(const artifacts::Claim& mine);
  // Creates logs/, unless the controller has. Call second.
  void make_logs();
  // Creates a file of logs/ that restore() knows, and opens it for writing. Throws VolumeError if it exists.
  artifacts::Fd new_log(const std::string& name);

  // Restores the folder, so that the servers can read and remove it. Call it when all processes of the application have
  // ended. It sets modes, groups and access control lists again. The claim, logs/ and the log files get their names
  // back and, if they were removed, their contents; all other entries are removed, but not the `copies` in logs/, which
  // seal_logs replaces. Unexpected entries, and what can't be restored, are added to `left_out`. Does not throw if the
  // volume fails; the next step will.
  void restore(const std::vector<std::string>& copies, artifacts::LeftOut& left_out);

 private:
  struct Log {
    std::string name;
    artifacts::Fd file;  // for reading
  };
  void restore_claim();
  void restore_logs_folder();
  void restore_log(const Log& log);
  void remove_others(const artifacts::Dir& folder, const std::string& prefix, const std::vector<std::string>& ours,
                     artifacts::LeftOut& left_out);

  artifacts::Dir dir_;
  gid_t group_;
  artifacts::Claim claim_;
  std::unique_ptr<artifacts::Dir> logs_;
  std::vector<Log> files_;
};

}  // namespace vbrain::runner
