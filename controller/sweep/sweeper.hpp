#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

#include "artifacts/store/store_scan.hpp"
#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "controller/sweep/folder_rules.hpp"
#include "job/job.hpp"
#include "kube/api/api_client.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::controller {

struct SweeperOptions {
  std::chrono::milliseconds scan_interval{60'000};  // see pause_after
  std::chrono::milliseconds sweep_age{86'400'000};  // of what lies in .staging; in .trash at most 10 minutes
};

// How long the volume has peace after a walk: never less than ten times as long as the walk took, so that a huge volume
// is not walked over all the time. One that could not be finished is tried again sooner than after `interval`. Pure.
std::chrono::milliseconds pause_after(std::chrono::milliseconds walk, bool complete,
                                      std::chrono::milliseconds interval);

// Walks over the shared volume while we lead, on a thread of its own: brings together folders and resources that lost
// each other, and removes what was left half written or half removed. A folder whose job the caches know costs one look
// at the volume, one of an archived job two; nothing is listed from the API server.
class Sweeper {
 public:
  struct Parts {
    const artifacts::Store& store;
    kube::ApiClient& client;
    const kube::Cache<job::Job>& jobs;  // synced
    base::Metrics& metrics;
    const base::Clock& clock;
    std::string namespace_name;
    // As in Executor::Parts.
    std::function<bool()> may_write = [] { return true; };
    // What time it is by the clock of the file server, nothing if that can't be had. Empty: Store::probe().
    std::function<std::optional<base::TimePoint>()> volume_time = {};
  };

  Sweeper(Parts parts, SweeperOptions options);

  // Scans and sweeps, now and again and again with pauses between (pause_after), until `stop`. Blocks. Throws nothing.
  void run(std::stop_token stop);

  // One walk over all jobs' folders. False if it could not be finished: the API server or the volume does not answer or
  // does not say what time it is there, we do not lead any more. A folder that is spoilt, a job's or a tenant's, is
  // logged and left alone. Throws artifacts::VolumeError.
  bool scan(std::stop_token stop);
  // Removes what is old in .staging and .trash, and index entries without a job. Nothing where the volume does not say
  // what time it is there: our own clock may be wrong by days. What cannot be removed is counted, logged once with its
  // cause, and tried again by the next walk.
  void sweep(std::stop_token stop);
  // Both, whatever becomes of the first; answers for the first.
  bool round(std::stop_token stop);

 private:
  void note_spoilt(const std::string& path, const std::exception& error);
  std::optional<base::TimePoint> volume_time() const;
  artifacts::OnUnreadable note_unreadable(std::stop_token stop);
  void note_not_removed(const std::string& path, const artifacts::VolumeError& error);
  void sweep_markers(base::TimePoint before, std::stop_token stop);
  bool tend(const artifacts::ScannedJob& folder, std::stop_token stop);
  FolderFacts look(const artifacts::ScannedJob& folder, const job::Job* resource) const;
  bool create_resource(const artifacts::ScannedJob& folder, std::stop_token stop);
  bool delete_resource(const std::string& name, const std::string& uid, std::stop_token stop);
  bool remove_folder(const artifacts::ScannedJob& folder, std::stop_token stop);
  // Logs what failed for one job. True if the walk can go on with the next one.
  bool can_go_on_after(const char* what, std::string_view verb, const std::string& job, const kube::Error& error,
                       std::stop_token stop);
  bool may(std::string_view verb, std::stop_token stop);

  Parts parts_;
  const SweeperOptions options_;
  int refused_in_a_row_ = 0;
  // When the present walk began: by the file server's clock, and by ours, which tells only how long ago that is.
  base::TimePoint began_{};
  base::SteadyPoint began_here_{};
  prometheus::Counter& recovered_;
  prometheus::Counter& swept_;
  prometheus::Counter& spoilt_;
  prometheus::Counter& not_removed_;
  std::optional<base::SteadyPoint> markers_swept_;
  std::set<std::string> told_;
};

}  // namespace vbrain::controller
