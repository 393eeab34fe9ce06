#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>

#include "artifacts/scans/store_scan.hpp"
#include "base/metrics.hpp"
#include "base/time/clock.hpp"
#include "controller/planning/folder_rules.hpp"
#include "job/job.hpp"
#include "kube/api/api_client.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::controller {

struct SweeperOptions {
  std::chrono::milliseconds scan_interval{60'000};  // see pause_after
  std::chrono::milliseconds sweep_age{
      86'400'000};  // the age at which entries of .staging are removed; those of .trash at most 10 minutes
};

// The pause after a scan: at least ten times the scan's duration, so that a huge volume is not scanned all the time.
// After a scan that was not finished it is shorter than `interval`. Pure.
std::chrono::milliseconds pause_after(std::chrono::milliseconds walk, bool complete,
                                      std::chrono::milliseconds interval);

// Scans the shared volume on its own thread while this controller leads: it reconciles folders and resources, and
// removes incomplete folders. A folder whose job is in the caches costs one file lookup, one of an archived job two; no
// list is requested from the API server.
class Sweeper {
 public:
  struct Parts {
    const artifacts::Store& store;
    kube::ApiClient& client;
    const kube::Cache<job::Job>& jobs;  // synced
    base::Metrics& metrics;
    const base::Clock& clock;
    std::string namespace_name;
    // Like Executor::Parts.
    std::function<bool()> may_write = [] { return true; };
    // The current time of the file server's clock; nothing if it is unknown. Empty: Store::probe().
    std::function<std::optional<base::TimePoint>()> volume_time = {};
  };

  Sweeper(Parts parts, SweeperOptions options);

  // Scans and sweeps repeatedly, with pauses (pause_after), until `stop`. Blocks. Throws nothing.
  void run(std::stop_token stop);

  // One scan of all jobs' folders. False if it was not finished: the API server or
  // the volume does not answer, the file server's time is unknown, or this controller does not lead any more. An
  // unreadable folder of a job or a tenant is logged and skipped. Throws artifacts::VolumeError.
  bool scan(std::stop_token stop);
  // Completes interrupted batches. Removes old entries of .staging and .trash, index entries without a job, and expired
  // Idempotency-Keys and uploads. Removes nothing if the file server's time is unknown, because the local clock may be
  // wrong by days. Entries that can't be removed are counted, logged once with the cause, and tried again by the next
  // scan.
  void sweep(std::stop_token stop);
  // scan(), then sweep() whatever the result was. Returns the result of scan().
  bool round(std::stop_token stop);

 private:
  void note_spoilt(const std::string& path, const std::exception& error);
  std::optional<base::TimePoint> volume_time() const;
  artifacts::OnUnreadable note_unreadable(std::stop_token stop);
  void note_not_removed(const std::string& path, const artifacts::VolumeError& error);
  // What may wait for an hour: index entries from before `before`, expired Idempotency-Keys and uploads.
  void sweep_hourly(base::TimePoint now, base::TimePoint before, std::stop_token stop);
  bool tend(const artifacts::ScannedJob& folder, std::stop_token stop);
  FolderFacts look(const artifacts::ScannedJob& folder, const job::Job* resource) const;
  bool create_resource(const artifacts::ScannedJob& folder, std::stop_token stop);
  bool delete_resource(const job::Job& job, std::stop_token stop);
  bool remove_folder(const artifacts::ScannedJob& folder, std::stop_token stop);
  // Logs a failure for one job. True if the scan can continue with the next one.
  bool can_go_on_after(const char* what, std::string_view verb, const std::string& job, const base::RequestIds& ids,
                       const kube::Error& error, std::stop_token stop);
  bool may(std::string_view verb, std::stop_token stop);

  Parts parts_;
  const SweeperOptions options_;
  int refused_in_a_row_ = 0;
  // Start of the current scan: by the file server's clock, and by the local clock, which is used only for elapsed time.
  base::TimePoint began_{};
  base::SteadyPoint began_here_{};
  prometheus::Counter& recovered_;
  prometheus::Counter& swept_;
  prometheus::Counter& spoilt_;
  prometheus::Counter& not_removed_;
  // The same of the present or the last scan, as reports: one folder may be reported twice.
  prometheus::Gauge& unreadable_now_;
  prometheus::Gauge& not_removed_now_;
  double unreadable_in_round_ = 0;
  double not_removed_in_round_ = 0;
  std::optional<base::SteadyPoint> hourly_swept_;
  std::set<std::string> told_;
};

}  // namespace vbrain::controller
