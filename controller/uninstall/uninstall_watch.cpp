#include "controller/uninstall/uninstall_watch.hpp"

#include <chrono>
#include <cstdint>
#include <utility>

#include "base/log/log.hpp"
#include "base/threads/stop.hpp"
#include "controller/uninstall/release_jobs.hpp"
#include "controller/uninstall/uninstall.hpp"

namespace vbrain::controller {
namespace {

constexpr std::chrono::milliseconds kBetweenLooks{1'000};

void log_release(const std::string& ns, const kube::KubeResult<Release>& done) {
  if (!done) {
    base::log_error(
        "the installation is being deleted, but its Jobs could not be released; run controller release-jobs",
        {{"namespace", ns}, {"error", done.error().message}});
    return;
  }
  if (done->released + done->released_clients > 0) {
    base::log_info(
        "the installation is being deleted: the finalizer was removed from Jobs and Clients, their files are kept",
        {{"namespace", ns},
         {"jobs", static_cast<std::int64_t>(done->released)},
         {"clients", static_cast<std::int64_t>(done->released_clients)}});
  }
  if (done->refused > 0) {
    base::log_error(
        "Jobs or Clients still have the finalizer because their patches were refused; remove the cause, then run "
        "controller "
        "release-jobs",
        {{"namespace", ns},
         {"objects", static_cast<std::int64_t>(done->refused)},
         {"first", done->reasons.empty() ? std::string() : done->reasons.front()}});
  }
}

}  // namespace

UninstallWatch::UninstallWatch(kube::ApiClient& client, std::string ns) : client_(client), namespace_(std::move(ns)) {}

void UninstallWatch::note_marked() {
  const std::lock_guard lock(mutex_);
  has_note_ = true;
  noted_.notify_one();
}

void UninstallWatch::run(std::stop_token stop) {
  note_marked();
  do {
    {
      std::unique_lock lock(mutex_);
      if (!noted_.wait(lock, stop, [this] { return has_note_; })) return;
      has_note_ = false;
    }
    release_marked(stop);
  } while (base::sleep_for(stop, kBetweenLooks));
}

void UninstallWatch::release_marked(std::stop_token stop) {
  // If the state is unknown now, it is checked for each Job before its folder is purged.
  const auto leaving = is_being_uninstalled(client_, namespace_, stop);
  if (!leaving || !*leaving) return;
  const auto done = release_jobs(client_, namespace_, {.scope = ReleaseScope::kMarkedJobs}, stop);
  if (stop.stop_requested()) return;
  log_release(namespace_, done);
  // More may have been marked in between.
  if (!done || done->released + done->released_clients > 0 || done->refused > 0) note_marked();
}

void UninstallWatch::end_of_program() {
  const auto leaving = is_being_uninstalled(client_, namespace_, {});
  if (!leaving) {
    base::log_warning("it is unknown whether the installation is being deleted",
                      {{"namespace", namespace_}, {"error", leaving.error().message}});
  } else if (*leaving) {
    log_release(namespace_, release_jobs(client_, namespace_, {.scope = ReleaseScope::kAllJobs}, {}));
  }
}

}  // namespace vbrain::controller
