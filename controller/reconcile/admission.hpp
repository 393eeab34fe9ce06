#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/metrics.hpp"
#include "controller/planning/snapshot.hpp"
#include "job/admission_line.hpp"
#include "job/application.hpp"
#include "job/client.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::controller {

// Names of the indexes that the informers' caches must have.
inline constexpr const char* kApplicationsById = "id";     // Application: spec.applicationId
inline constexpr const char* kClientsByTenant = "tenant";  // Client: tenant_key()

// The value of a tenant in an index. Names contain no control characters, so the separator is unique.
std::string tenant_key(const std::string& organization, const std::string& application, const std::string& client);
std::string tenant_key(const job::Client& client);

// The Application with this id. Ids should be unique; of several Applications the oldest applies, so that a newer one
// can't take over the id. Null if there is none.
std::shared_ptr<const job::Application> find_application(const kube::Cache<job::Application>& applications,
                                                         const std::string& id);

// True if the two differ in nothing but their metadata and maxConcurrentJobs. Then only the jobs that may start now
// need a reconcile.
bool equal_except_limit(const job::Application& left, const job::Application& right);

// Lets jobs start within the limits of their Applications and Clients, in order. It follows informer events, is asked
// before a job starts, and wakes a job when it may start, so that no job polls. It keeps nothing between terms; a term
// begins with a count of all Jobs. All members are thread-safe and fast.
class Admission {
 public:
  struct Caches {
    const kube::Cache<job::Job>& jobs;
    const kube::Cache<job::Application>& applications;
    const kube::Cache<job::Client>& clients;
  };
  // Adds a job to the work queue.
  using Wake = std::function<void(const std::string& job)>;

  // While this object exists, jobs are counted and may start. The caches must be complete and the queue open.
  class Term {
   public:
    explicit Term(Admission& admission) : admission_(admission) { admission_.begin(); }
    ~Term() { admission_.end(); }
    Term(const Term&) = delete;
    Term& operator=(const Term&) = delete;

   private:
    Admission& admission_;
  };

  Admission(Caches caches, Wake wake, base::Metrics& metrics);

  // The informers call these after their caches have the change.
  void on_job_change(const kube::Change<job::Job>& change);
  void on_application_change(const kube::Change<job::Application>& change);
  void on_client_change(const kube::Change<job::Client>& change);

  // Observes a job, from the caches or from an own write; returns whether it may start.
  Turn look(const job::Job& job);
  // The job does not exist any more.
  void forget(const std::string& job);
  // The API server has permanently refused a write that the job needs to start: the next job gets the slot.
  void give_back(const std::string& job);

 private:
  void begin();
  void end();
  job::ConcurrencyLimits limits_of(const job::Tenant& tenant) const;
  void wake_admitted(const std::string& but = {});
  Turn turn_of(const job::Job& job) const;

  const Caches caches_;
  const Wake wake_;
  prometheus::Gauge& waiting_;
  prometheus::Gauge& under_way_;
  mutable std::mutex mutex_;
  bool counting_ = false;
  job::AdmissionLine line_;
};

}  // namespace vbrain::controller
