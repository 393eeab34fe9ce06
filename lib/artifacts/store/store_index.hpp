#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "artifacts/store/store.hpp"

namespace vbrain::artifacts {

// Calls `take` with each name in a folder below the volume's root, in any order, in constant memory: with the time of a
// list of 100,000 names (some 30 ms on ext4) and no look at the entries. False: there is no such folder. Throws
// VolumeError, and what `take` throws.
bool each_name(const Store& store, const std::string& folder, const std::function<void(std::string_view)>& take);

// The folders of a tenant's jobs, looked up one by one through one descriptor. Throws VolumeError.
class JobFolders {
 public:
  JobFolders(const Store& store, const Tenant& tenant);

  // kDeleted: it has the marker of Store::mark_deleted.
  enum class State { kAbsent, kDeleted, kPresent };
  State state(std::string_view job_id) const;

 private:
  std::optional<Dir> jobs_;
};

}  // namespace vbrain::artifacts
