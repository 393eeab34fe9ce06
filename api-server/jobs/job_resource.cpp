#include "api-server/jobs/job_resource.hpp"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "api-server/answers/fan_out.hpp"
#include "api-server/jobs/job_record.hpp"
#include "base/log/log.hpp"
#include "base/threads/stop.hpp"
#include "job/callback.hpp"
#include "kube/api/api_client.hpp"

namespace vbrain::api {
namespace {

using kube::ErrorCode;

constexpr int kTries = 3;
constexpr std::chrono::milliseconds kPause{100};

job::JobSpec spec_of(const artifacts::JobFile& file) {
  job::JobSpec spec;
  spec.organization_id = file.tenant.organization;
  spec.application_id = file.tenant.application;
  spec.client_id = file.tenant.client;
  spec.repository_id = file.repository_id;
  spec.username = file.created_by;
  spec.priority = file.priority;
  spec.callback_url = file.callback_url;
  return spec;
}

// After a timeout the client has waited long enough.
bool is_worth_another_try(const kube::Error& error) {
  return is_retryable(error) && !error.retry_after && error.code != ErrorCode::kTimeout;
}

// What is known of a resource that is to be deleted or changed.
struct Target {
  bool there = false;  // the tenant's
  bool deleting = false;
  bool cancelled = false;
  std::string uid;
};

Target target_of(const job::Job& job, const artifacts::Tenant& tenant) {
  return {belongs_to(job, tenant), job.meta.deletion_timestamp.has_value(), job.spec.cancel, job.meta.uid};
}

Result<Target, kube::Error> look_up(const Services& services, const artifacts::Tenant& tenant,
                                    std::string_view job_id) {
  const auto live = services.kube.get<job::Job>(services.namespace_name, job_id, services.stop);
  if (live) return target_of(*live, tenant);
  if (live.error().code == ErrorCode::kNotFound) return Target{};
  return Unexpected<kube::Error>(live.error());
}

// The Job of the cache if it is the tenant's, else the one that the API server has.
Result<Target, kube::Error> find_target(const Services& services, const artifacts::Tenant& tenant,
                                        std::string_view job_id, const job::Job* cached) {
  if (cached != nullptr && belongs_to(*cached, tenant)) return target_of(*cached, tenant);
  return look_up(services, tenant, job_id);
}

// Calls `once(cached)` until it succeeds or another try cannot help. `cached` is the Job of the cache; null: ask the
// API server, because it is not in the cache or another Job has its name now (kConflict).
template <class Once>
auto with_retries(const Services& services, std::string_view job_id, const Once& once) {
  auto cached = services.jobs.get(job_id);
  for (int turn = 1;; ++turn) {
    auto done = once(cached.get());
    if (done) return done;
    const bool stale = done.error().code == ErrorCode::kConflict && cached != nullptr;
    cached = nullptr;
    if (stale) continue;
    const bool again = turn < kTries && is_worth_another_try(done.error());
    if (!again || !base::sleep_for(services.stop, kPause * turn)) return done;
  }
}

// One try. The error may be kConflict: another Job has this name now.
Result<Removal, kube::Error> remove_once(const Services& services, const artifacts::Tenant& tenant,
                                         std::string_view job_id, const job::Job* cached) {
  const auto target = find_target(services, tenant, job_id, cached);
  if (!target) return Unexpected<kube::Error>(target.error());
  if (!target->there) return Removal::kAbsent;
  if (target->deleting) return Removal::kBegun;
  const kube::DeleteOptions options{.preconditions = {.uid = target->uid}};
  auto removed = services.kube.remove(job::Job::kType, services.namespace_name, job_id, options, services.stop);
  if (removed) return Removal::kBegun;
  if (removed.error().code == ErrorCode::kNotFound) return Removal::kAbsent;
  return Unexpected<kube::Error>(std::move(removed.error()));
}

// One try, as remove_once().
Result<Edit, kube::Error> edit_once(const Services& services, const artifacts::Tenant& tenant, std::string_view job_id,
                                    const job::Job* cached, const nlohmann::json& spec, bool of_cancelled) {
  const auto target = find_target(services, tenant, job_id, cached);
  if (!target) return Unexpected<kube::Error>(target.error());
  if (!target->there || target->deleting) return target->there ? Edit::kBeingDeleted : Edit::kAbsent;
  if (target->cancelled && !of_cancelled) return Edit::kCancelled;
  // A UID in the patch is a precondition.
  const nlohmann::json patch = {{"metadata", {{"uid", target->uid}}}, {"spec", spec}};
  const auto done = services.kube.patch(job::Job::kType, services.namespace_name, job_id, patch, {}, services.stop);
  if (done) return Edit::kDone;
  if (done.error().code == ErrorCode::kNotFound) return Edit::kAbsent;
  return Unexpected<kube::Error>(done.error());
}

}  // namespace

Result<void, NotCreated> create_resource(const Services& services, const artifacts::JobFile& file,
                                         const base::RequestIds& ids) {
  const nlohmann::json body =
      job::encode_new_job(services.namespace_name, file.job_id, spec_of(file), file.traceparent);
  bool may_exist = false;
  for (int turn = 1;; ++turn) {
    auto created = services.kube.create(job::Job::kType, services.namespace_name, body, services.stop);
    if (created && !job::callback_was_kept(file.callback_url, *created)) {
      base::log_warning("the receiver of a job will not be told",
                        {{"job", file.job_id}, ids, {"reason", job::kCallbackNotKept}});
    }
    // It is from an earlier try of ours: 74 bits of the id are random.
    if (created || created.error().code == ErrorCode::kAlreadyExists) return {};
    kube::Error& error = created.error();
    may_exist = may_exist || may_have_been_done(error);
    const bool again = turn < kTries && is_worth_another_try(error);
    if (!again || !base::sleep_for(services.stop, kPause * turn)) {
      return Unexpected<NotCreated>(NotCreated{std::move(error), may_exist});
    }
  }
}

Result<Removal, kube::Error> remove_resource(const Services& services, const artifacts::Tenant& tenant,
                                             std::string_view job_id) {
  return with_retries(services, job_id,
                      [&](const job::Job* cached) { return remove_once(services, tenant, job_id, cached); });
}

Result<Edit, kube::Error> edit_resource(const Services& services, const artifacts::Tenant& tenant,
                                        std::string_view job_id, const nlohmann::json& spec, bool of_cancelled) {
  return with_retries(services, job_id, [&](const job::Job* cached) {
    return edit_once(services, tenant, job_id, cached, spec, of_cancelled);
  });
}

http::Task<void> remove_leftovers(const Services& services, const artifacts::Tenant& tenant,
                                  const std::vector<std::string>& jobs, const base::RequestIds& ids) {
  if (jobs.empty()) co_return;
  const auto remove = [&](std::size_t i) {
    const auto removed = remove_resource(services, tenant, jobs[i]);
    if (!removed)
      base::log_warning("the Job resource of a deleted job was not deleted; the controller's sweeper deletes it later",
                        {{"job", jobs[i]}, ids});
  };
  const std::size_t count = jobs.size();
  try {
    co_await for_each_on(services.workers, count, kResourcesAtOnce, remove);
  } catch (const http::Overloaded&) {
    base::log_warning("Job resources of deleted jobs were not deleted; the controller's sweeper deletes them later",
                      {{"jobs", count}, ids});
  }
}

Result<bool, kube::Error> has_live_resource(const Services& services, const artifacts::Tenant& tenant,
                                            std::string_view job_id) {
  auto found = look_up(services, tenant, job_id);
  if (!found) return Unexpected<kube::Error>(std::move(found.error()));
  return found->there && !found->deleting;
}

}  // namespace vbrain::api
