#include "controller/reconcile/admission.hpp"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "job/oldest.hpp"

namespace vbrain::controller {
namespace {

using Standing = job::AdmissionLine::Standing;

std::string wait_message(const job::AdmissionLine::Usage& usage, const std::string& whose) {
  return "waiting: " + std::to_string(usage.used) + " of " + std::to_string(usage.limit.value_or(0)) + " jobs of " +
         whose + " are under way";
}

// REST shows the message to each tenant, and other tenants share the Application. So it names no number of jobs.
std::string wait_message_of_application(const job::AdmissionLine::Usage& usage, const std::string& application_id) {
  return "waiting: as many jobs of application '" + application_id +
         "' are under way as its maxConcurrentJobs allows, " + std::to_string(usage.limit.value_or(0));
}

job::Tenant tenant_of_spec(const job::JobSpec& spec) {
  return {spec.organization_id, spec.application_id, spec.client_id};
}

}  // namespace

std::string tenant_key(const std::string& organization, const std::string& application, const std::string& client) {
  return organization + '\n' + application + '\n' + client;
}

std::string tenant_key(const job::Client& client) {
  return tenant_key(client.organization_id, client.application_id, client.client_id);
}

std::shared_ptr<const job::Application> find_application(const kube::Cache<job::Application>& applications,
                                                         const std::string& id) {
  return job::oldest<job::Application>(applications.by_index(kApplicationsById, id));
}

bool equal_except_limit(const job::Application& left, const job::Application& right) {
  // The binding names every member, so that a new member does not compile before it is added here.
  const auto rest = [](const job::Application& application) {
    const auto& [meta, id, organizations, pod_template, backoff_limit, active_deadline, pre_running_deadline, ttl,
                 limit, growth_factor, growth_limit, output_limit, params_schema, result_schema, conditions,
                 retention] = application;
    return std::tie(id, organizations, pod_template, backoff_limit, active_deadline, pre_running_deadline, ttl,
                    growth_factor, growth_limit, output_limit, params_schema, result_schema, retention);
  };
  return rest(left) == rest(right);
}

Admission::Admission(Caches caches, Wake wake, base::Metrics& metrics)
    : caches_(caches),
      wake_(std::move(wake)),
      waiting_(metrics.gauge("vbrain_jobs_waiting", "Jobs that wait for a slot under a maxConcurrentJobs.")),
      under_way_(metrics.gauge("vbrain_jobs_under_way",
                               "Jobs that use a slot: from the claim of the first attempt to the end.")) {}

// Read again for each observation, under the mutex, so that the last observation uses the newest limits.
job::ConcurrencyLimits Admission::limits_of(const job::Tenant& tenant) const {
  job::ConcurrencyLimits limits;
  const auto application = find_application(caches_.applications, tenant.application);
  limits.open = application != nullptr && application->open_to(tenant.organization);
  if (application != nullptr) limits.application = application->max_concurrent_jobs;
  const auto client = job::oldest<job::Client>(
      caches_.clients.by_index(kClientsByTenant, tenant_key(tenant.organization, tenant.application, tenant.client)));
  if (client != nullptr) limits.client = client->max_concurrent_jobs;
  return limits;
}

void Admission::begin() {
  const std::lock_guard lock(mutex_);
  line_.clear();
  counting_ = true;
  // All Jobs that have not ended, before the first one may start: jobs under way use slots, and waiting jobs get their
  // position. A change that arrives meanwhile waits for the mutex.
  for (const auto& job : caches_.jobs.list_unpacked()) line_.observe(*job, limits_of(tenant_of_spec(job->spec)));
  wake_admitted();
}

void Admission::end() {
  const std::lock_guard lock(mutex_);
  counting_ = false;
  line_.clear();
  wake_admitted();
}

void Admission::wake_admitted(const std::string& but) {
  for (const std::string& job : line_.admit()) {
    if (job != but) wake_(job);
  }
  waiting_.Set(static_cast<double>(line_.waiting()));
  under_way_.Set(static_cast<double>(line_.holding()));
}

void Admission::on_job_change(const kube::Change<job::Job>& change) {
  const std::lock_guard lock(mutex_);
  if (!counting_) return;
  if (change.now) {
    line_.observe(*change.now, limits_of(tenant_of_spec(change.now->spec)));
  } else {
    line_.forget(change.old->meta.name, change.old->meta.uid);
  }
  wake_admitted();
}

void Admission::on_application_change(const kube::Change<job::Application>& change) {
  std::set<std::string> ids;
  for (const auto& application : {change.old, change.now}) {
    if (application) ids.insert(application->application_id);
  }
  const std::lock_guard lock(mutex_);
  // All its tenants, before the first slot is given, because the order is among all of them.
  for (const std::string& id : ids) {
    for (const job::Tenant& tenant : line_.tenants_of(id)) line_.set_limits(tenant, limits_of(tenant));
  }
  wake_admitted();
}

void Admission::on_client_change(const kube::Change<job::Client>& change) {
  const std::lock_guard lock(mutex_);
  for (const auto& client : {change.old, change.now}) {
    if (!client) continue;
    const job::Tenant tenant{client->organization_id, client->application_id, client->client_id};
    line_.set_limits(tenant, limits_of(tenant));
  }
  wake_admitted();
}

Turn Admission::look(const job::Job& job) {
  const std::lock_guard lock(mutex_);
  if (!counting_) return {.may_begin = false, .why_not = {}};
  line_.observe(job, limits_of(tenant_of_spec(job.spec)));
  wake_admitted(job.meta.name);
  return turn_of(job);
}

Turn Admission::turn_of(const job::Job& job) const {
  const job::JobSpec& spec = job.spec;
  const bool client_found =
      !caches_.clients.by_index(kClientsByTenant, tenant_key(spec.organization_id, spec.application_id, spec.client_id))
           .empty();
  const job::ConcurrencyLimits limits = limits_of(tenant_of_spec(spec));
  const bool is_limited = limits.application || limits.client;
  switch (line_.standing(job.meta.name)) {
    case Standing::kAdmitted:
    case Standing::kUnderWay:
      return {.may_begin = true, .why_not = {}, .client_found = client_found, .is_counted = is_limited};
    case Standing::kWaitsForClient:
      return {.may_begin = false,
              .why_not = wait_message(line_.usage_of_client(tenant_of_spec(spec)), "client '" + spec.client_id + "'"),
              .client_found = client_found};
    case Standing::kWaitsForApplication:
      return {
          .may_begin = false,
          .why_not = wait_message_of_application(line_.usage_of_application(spec.application_id), spec.application_id),
          .client_found = client_found};
    case Standing::kAside:
    case Standing::kUnknown:
      break;
  }
  return {.may_begin = false, .why_not = {}, .client_found = client_found};
}

void Admission::forget(const std::string& job) {
  const std::lock_guard lock(mutex_);
  line_.forget(job);
  wake_admitted();
}

void Admission::give_back(const std::string& job) {
  const std::lock_guard lock(mutex_);
  line_.give_back(job);
  wake_admitted();
}

}  // namespace vbrain::controller
