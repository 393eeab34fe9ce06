#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "artifacts/store/layout.hpp"
#include "base/metrics.hpp"

namespace vbrain::controller {

// Removes folders that were moved to a tenant's .trash, one after another, on its own thread, because a job may have
// 65,535 files. A delete waits only for the move. Thread-safe.
class TrashRemover {
 public:
  // Removes one folder; returns early when `stop` is requested. May throw artifacts::VolumeError.
  using Remove = std::function<void(const artifacts::Tenant& tenant, const std::string& name, std::stop_token stop)>;

  // The number of folders that may wait. The sweeper removes further ones, because it removes old folders from every
  // .trash.
  static constexpr std::size_t kMaxWaiting = 100'000;

  TrashRemover(Remove remove, base::Metrics& metrics);
  // Ends after the file that is being removed. The sweeper removes the rest.
  ~TrashRemover();
  TrashRemover(const TrashRemover&) = delete;
  TrashRemover& operator=(const TrashRemover&) = delete;

  // Does not wait for the volume.
  void add(const artifacts::Tenant& tenant, std::string name);

 private:
  struct Folder {
    artifacts::Tenant tenant;
    std::string name;
  };

  void work(std::stop_token stop);
  void remove(const Folder& folder, std::stop_token stop) const;

  const Remove remove_;
  prometheus::Gauge& waiting_;
  std::mutex mutex_;
  std::condition_variable_any added_;
  std::deque<Folder> folders_;
  std::jthread thread_;
};

}  // namespace vbrain::controller
