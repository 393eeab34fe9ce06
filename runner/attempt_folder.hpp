#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "artifacts/archive/left_out.hpp"
#include "artifacts/records/claim.hpp"
#include "artifacts/store/safe_open.hpp"

namespace vbrain::runner {

// The attempt's folder on the volume, held open from before the application starts. The application has the same user:
// it may change the modes of all in it, and where the kernel has no Landlock also remove, rename and make things. For
// one thread.
class AttemptFolder {
 public:
  // Opens the folder. Throws VolumeError.
  explicit AttemptFolder(const std::string& path);

  const artifacts::Dir& dir() const { return dir_; }
  const artifacts::Dir& logs() const { return *logs_; }

  // Claims the attempt. Call first.
  artifacts::ClaimResult claim(const artifacts::Claim& mine);
  // Makes logs/, unless the controller has. Call second.
  void make_logs();
  // Makes a file of logs/ that restore() knows, and opens it for writing. Throws VolumeError if there is one.
  artifacts::Fd new_log(const std::string& name);

  // Makes the folder again what the servers can read and remove. Call when all processes of the application are dead.
  // Modes, groups and access control lists are set again; the claim, logs/ and the log files get back their names and,
  // where they were removed, their contents; all else is removed. What was found besides, and what cannot be restored,
  // is added to `left_out`. Does not throw for the volume: what comes next will.
  void restore(artifacts::LeftOut& left_out);

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
