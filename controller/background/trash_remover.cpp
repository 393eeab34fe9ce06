#include "controller/background/trash_remover.hpp"

#include <optional>
#include <utility>

#include "base/log/log.hpp"

namespace vbrain::controller {

TrashRemover::TrashRemover(Remove remove, base::Metrics& metrics)
    : remove_(std::move(remove)),
      waiting_(metrics.gauge("vbrain_trash_folders_waiting",
                             "Folders of deleted jobs that wait for their removal from .trash.")),
      thread_([this](std::stop_token stop) { work(std::move(stop)); }) {}

TrashRemover::~TrashRemover() = default;

void TrashRemover::add(const artifacts::Tenant& tenant, std::string name) {
  const std::lock_guard lock(mutex_);
  if (folders_.size() >= kMaxWaiting) return;
  folders_.push_back({tenant, std::move(name)});
  waiting_.Set(static_cast<double>(folders_.size()));
  added_.notify_one();
}

void TrashRemover::work(std::stop_token stop) {
  for (;;) {
    std::optional<Folder> folder;
    {
      std::unique_lock lock(mutex_);
      if (!added_.wait(lock, stop, [this] { return !folders_.empty(); }) || stop.stop_requested()) return;
      folder = std::move(folders_.front());
      folders_.pop_front();
      waiting_.Set(static_cast<double>(folders_.size()));
    }
    remove(*folder, stop);
  }
}

void TrashRemover::remove(const Folder& folder, std::stop_token stop) const {
  try {
    remove_(folder.tenant, folder.name, std::move(stop));
  } catch (const std::exception& error) {
    base::log_warning("a deleted job's files were not removed; the sweeper tries again",
                      {{"organization", folder.tenant.organization},
                       {"application", folder.tenant.application},
                       {"client", folder.tenant.client},
                       {"trash", folder.name},
                       {"error", error.what()}});
  }
}

}  // namespace vbrain::controller
