// What the Executor does with the folder of a job: the record of its end, and its removal.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/failpoint.hpp"
#include "base/log.hpp"
#include "controller/reconcile/executor.hpp"

namespace vbrain::controller {
namespace {

using kube::ErrorCode;
using kube::ReconcileResult;
using nlohmann::json;

constexpr kube::ResourceType kNamespaceType{"", "v1", "namespaces", "Namespace"};

// Whether an APIResourceList says that Jobs can be created.
bool offers_create(const std::string& body) {
  const json list = json::parse(body, nullptr, false);
  if (!list.is_object() || !list.contains("resources") || !list["resources"].is_array()) return false;
  return std::ranges::any_of(list["resources"], [](const json& resource) {
    if (!resource.is_object() || resource.value("name", "") != job::Job::kType.plural) return false;
    const json verbs = resource.value("verbs", json::array());
    return std::ranges::find(verbs, json("create")) != verbs.end();
  });
}

}  // namespace

// A job's folder was made just now. A leader that stood still for long may have made anew what was deleted meanwhile.
Step Executor::undo_if_deleted(const job::Job& job, std::stop_token stop) {
  const auto live = parts_.client.get<job::Job>(job.meta.namespace_name, job.meta.name, stop);
  const bool gone = live ? live->meta.uid != job.meta.uid || live->meta.deletion_timestamp
                         : live.error().code == ErrorCode::kNotFound;
  if (gone) parts_.volume.purge(job, stop);
  if (gone) return Step::pass_ends(ReconcileResult::ok());
  if (!live) return give_up_on(live.error());
  return Step::go_on();
}

Step Executor::archive(const job::Job& job, std::stop_token stop) {
  if (!parts_.volume.archive(job)) return Step::go_on();
  return undo_if_deleted(job, stop);
}

Step Executor::run(const ArchiveStatus&, const Pass& pass) {
  if (Step step = archive(pass.learned.job, pass.stop); !step.goes_on()) return step;
  base::failpoint("controller.archived");
  pass.learned.archived = true;
  return Step::go_on();
}

Step Executor::run(const DeleteJob&, const Pass& pass) {
  Learned& learned = pass.learned;
  // 1. The last moment in which the record could be written again, should the volume have lost it.
  if (Step step = archive(learned.job, pass.stop); !step.goes_on()) return step;
  // 2. From here on a removal says nothing about the folder.
  if (learned.job.meta.has_finalizer(job::kFinalizer)) {
    if (Step step = run(RemoveFinalizer{}, pass); !step.goes_on()) return step;
  }
  base::failpoint("controller.released");
  // 3. The resource, if it is still as we judged it.
  if (!parts_.may_write()) return not_leading();
  const kube::ObjectMeta& meta = learned.job.meta;
  const kube::DeleteOptions options{.preconditions = {.uid = meta.uid, .resource_version = meta.resource_version}};
  const auto removed = parts_.client.remove(job::Job::kType, meta.namespace_name, meta.name, options, pass.stop);
  if (!removed && removed.error().code == ErrorCode::kConflict) {
    if (Step step = take_present(pass); !step.goes_on()) return step;
    return Step::plan_anew();
  }
  if (!removed && removed.error().code != ErrorCode::kNotFound) return give_up_on(removed.error());
  learned.removed = true;
  base::log_info("job resource removed after its time, its files stay", {{"job", meta.name}});
  return Step::go_on();
}

// When the namespace or the definition goes, every Job is marked for deletion though nobody asked for its files to go:
// artifacts outlive an uninstall. The mark on namespace or definition is older than the one on the Job.
kube::KubeResult<bool> Executor::is_being_uninstalled(const std::string& ns, std::stop_token stop) {
  const auto space = parts_.client.get(kNamespaceType, "", ns, stop);
  if (!space && space.error().code == ErrorCode::kForbidden) {
    base::log_warning("may not look whether the namespace is being deleted", {{"namespace", ns}});
  } else if (!space) {
    return space.error().code == ErrorCode::kNotFound ? kube::KubeResult<bool>(true) : tl::unexpected(space.error());
  } else if (space->at("metadata").contains("deletionTimestamp")) {
    return true;
  }
  // Everybody may ask what can be done with Jobs: of a definition that is going, "create" is not offered any more.
  const auto offered = parts_.client.call({.method = "GET", .target = "/apis/vbrain.visagio.com/v1"}, stop);
  if (!offered) {
    return offered.error().code == ErrorCode::kNotFound ? kube::KubeResult<bool>(true)
                                                        : tl::unexpected(offered.error());
  }
  return !offers_create(offered->body);
}

Step Executor::run(const PurgeFolder&, const Pass& pass) {
  const kube::ObjectMeta& meta = pass.learned.job.meta;
  auto leaving = is_being_uninstalled(meta.namespace_name, pass.stop);
  if (!leaving) return give_up_on(leaving.error());
  if (*leaving) {
    base::log_info("keeping the files of a job, since the installation is being deleted", {{"job", meta.name}});
    return Step::go_on();
  }
  base::failpoint("controller.before-purge");
  parts_.volume.purge(pass.learned.job, pass.stop);
  base::failpoint("controller.purged");
  base::log_info("job deleted", {{"job", meta.name}});
  return Step::go_on();
}

}  // namespace vbrain::controller
