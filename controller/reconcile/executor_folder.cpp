// Executor: the folder of a job, the record of its end, and its removal.
#include <chrono>

#include "base/failpoint.hpp"
#include "base/log/log.hpp"
#include "controller/reconcile/executor.hpp"
#include "controller/uninstall/uninstall.hpp"

namespace vbrain::controller {
namespace {

using kube::ErrorCode;
using kube::ReconcileResult;

// The wait before the next try if too many records are waiting.

}  // namespace

// While the Lease is valid, nobody else has removed the job since this term began with new lists, and its finalizer
// holds it. So no read is needed to know that a new folder is not that of a job that was removed meanwhile.
bool Executor::is_held(const job::Job& job) const {
  return job.meta.has_finalizer(job::kFinalizer) && parts_.may_write();
}

// The job's folder was created just now. A leader that was suspended for long may have recreated a deleted one.
Step Executor::undo_if_deleted(const job::Job& job, std::stop_token stop) {
  const auto live = parts_.client.get<job::Job>(job.meta.namespace_name, job.meta.name, stop);
  const bool gone = live ? live->meta.uid != job.meta.uid || live->meta.deletion_timestamp
                         : live.error().code == ErrorCode::kNotFound;
  if (gone) parts_.volume.purge(job);
  if (gone) return Step::pass_ends(ReconcileResult::ok());
  if (!live) return failed_request("the read of the Job", live.error());
  return Step::go_on();
}

// The pass ends while the record is being written, and while there is no room for it; the Archiver wakes the job then.
// The jobs that wait do not ask from time to time: with 100,000 of them, that took the whole time of a core.
Step Executor::archive(const job::Job& job, std::stop_token stop) {
  switch (archiver_.archive(job)) {
    case Archiver::State::kUnderWay:
      return Step::pass_ends(ReconcileResult::ok());
    case Archiver::State::kBusy:
      return Step::pass_ends(ReconcileResult::after(Archiver::kTurnComesWithin));
    case Archiver::State::kPublished:
      return undo_if_deleted(job, stop);
    case Archiver::State::kDone:
      break;
  }
  return Step::go_on();
}

Step Executor::run(const ArchiveStatus&, const Pass& pass) {
  if (Step step = archive(pass.learned.job, pass.stop); !step.goes_on()) return step;
  base::failpoint("controller.archived");
  pass.learned.archived = true;
  return Step::go_on();
}

Step Executor::run(const DeleteJob&, const Pass& pass) {
  Learned& learned = pass.learned;
  // 1. The last moment at which the record can be written again, if the volume has lost it.
  if (Step step = archive(learned.job, pass.stop); !step.goes_on()) return step;
  // 2. From now on a removal does not affect the folder.
  if (learned.job.meta.has_finalizer(job::kFinalizer)) {
    if (Step step = run(RemoveFinalizer{}, pass); !step.goes_on()) return step;
  }
  base::failpoint("controller.released");
  // 3. The resource, if it has not changed since the decision.
  if (!parts_.may_write()) return not_leading();
  const kube::ObjectMeta& meta = learned.job.meta;
  const kube::DeleteOptions options{.preconditions = {.uid = meta.uid, .resource_version = meta.resource_version}};
  const auto removed = parts_.client.remove(job::Job::kType, meta.namespace_name, meta.name, options, pass.stop);
  if (!removed && removed.error().code == ErrorCode::kConflict) {
    if (Step step = take_present(pass); !step.goes_on()) return step;
    if (learned.job.meta.resource_version != options.preconditions.resource_version) return Step::plan_anew();
  }
  bool gone = removed.has_value();
  if (!removed && removed.error().code == ErrorCode::kNotFound) {
    // It does not exist. Or an admission webhook answers so, and the Job is there.
    const auto live = parts_.client.get<job::Job>(meta.namespace_name, meta.name, pass.stop);
    gone = live ? live->meta.uid != meta.uid : live.error().code == ErrorCode::kNotFound;
    if (!live && !gone) return failed_request("the read of the Job", live.error());
  }
  if (!gone) return failed_request("the removal of the Job", removed.error());
  learned.removed = true;
  base::log_info("Job resource removed after its ttlSecondsAfterFinished; its files stay",
                 {{"job", meta.name}, learned.job.ids()});
  return Step::go_on();
}

Step Executor::run(const PurgeFolder&, const Pass& pass) {
  const kube::ObjectMeta& meta = pass.learned.job.meta;
  // The files stay after an uninstallation.
  const auto leaving = is_being_uninstalled(parts_.client, meta.namespace_name, pass.stop);
  if (!leaving) return failed_request("whether the installation is being deleted", leaving.error());
  if (*leaving) {
    base::log_info("the files of a job are kept, because the installation is being deleted",
                   {{"job", meta.name}, pass.learned.job.ids()});
    return Step::go_on();
  }
  base::failpoint("controller.before-purge");
  parts_.volume.purge(pass.learned.job);
  base::failpoint("controller.purged");
  // The purge may be repeated. The line "job deleted" follows with the finalizer, which is removed once.
  base::log_debug("a deleted job's files are removed", {{"job", meta.name}, pass.learned.job.ids()});
  return Step::go_on();
}

}  // namespace vbrain::controller
