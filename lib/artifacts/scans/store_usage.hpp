#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "artifacts/scans/store_scan.hpp"
#include "artifacts/store/store.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

// Regular files below a folder. A file counts with its size, one with holes or compressed by the file system with what
// it takes.
struct TreeSize {
  std::uint64_t bytes = 0;
  std::uint64_t files = 0;

  TreeSize& operator+=(const TreeSize& other);
  TreeSize& operator-=(const TreeSize& other);
  bool operator==(const TreeSize&) const = default;
};

// A repository's folder in ScannedTenant.
struct ScannedRepository {
  std::string id;
  TreeSize size{};
  bool used = false;          // its index names a job
  bool half_removed = false;  // trash_unused_repository() was interrupted
  // The last time when a job was added to its index or removed from it, or when it was published, by the clock of the
  // file server.
  base::TimePoint changed{};
};

// Called before each file that is measured; false ends the measurement. It may rest. Empty: measures without a rest.
using GoOn = std::function<bool()>;

// A tenant's folder in scan_tenants(). All members read the volume again, in constant memory, and throw VolumeError.
class ScannedTenant {
 public:
  ScannedTenant(const Dir& folder, std::string path) : folder_(folder), path_(std::move(path)) {}

  const std::string& path() const { return path_; }  // tenants/<organization>/<application>/<client>

  // Call `visit` with one folder after another, in any order, until it returns false, which they return. `unreadable`
  // as in scan_jobs(). They return false also when `go_on` does; the folder that was being measured is not visited.
  bool each_job(const std::function<bool(const ScannedJob&, const TreeSize&)>& visit, const OnUnreadable& unreadable,
                const GoOn& go_on = {}) const;
  bool each_repository(const std::function<bool(const ScannedRepository&)>& visit, const OnUnreadable& unreadable,
                       const GoOn& go_on = {}) const;
  // When a job or a repository was published or removed last, by the clock of the file server. Begin of time: never.
  base::TimePoint changed() const;
  // The entries of `.trash`; those of `.staging` and `.uploads`.
  TreeSize trash() const;
  TreeSize staging() const;

 private:
  const Dir& folder_;
  const std::string path_;
};

// Calls `visit` with the folder of each tenant until it returns false. Throws VolumeError if the folder of all tenants
// is unreadable. A VolumeError of `visit` counts as the tenant's.
void scan_tenants(const Store& store, const std::function<bool(const ScannedTenant&)>& visit,
                  const OnUnreadable& unreadable);

// The path of a job or repository of the tenant that was published later than `time`, by the clock of the file server;
// nothing if there is none. Reads the attributes of one file of each, after a call of `go_on` for each, which throws to
// end it. Other entries, and folders that may not be read, do not count. Throws VolumeError.
std::optional<std::string> find_published_after(const Store& store, const Tenant& tenant, base::TimePoint time,
                                                const std::function<void()>& go_on);

}  // namespace vbrain::artifacts
