#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/metrics.hpp"
#include "controller/planning/snapshot.hpp"
#include "job/admission_line.hpp"
#include "job/application.hpp"
#include "job/client.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::controller {

// Names of the indexes that the informers' stores must have.
inline constexpr const char* kApplicationsById = "id";     // Application: spec.applicationId
inline constexpr const char* kClientsByTenant = "tenant";  // Client: tenant_key()

// The value of a tenant in an index. Names hold no control characters.
std::string tenant_key(const std::string& organization, const std::string& application, const std::string& client);
std::string tenant_key(const job::Client& client);

// The Application that an id stands for. The id is meant to be unique; of several the oldest counts, so that a newcomer
// can't take over. Null if there is none.
std::shared_ptr<const job::Application> find_application(const kube::Cache<job::Application>& applications,
                                                         const std::string& id);

// Nothing differs but how many of its jobs may be under way: no job needs a look but those that may go now.
bool same_but_for_places(const job::Application& left, const job::Application& right);

// Lets jobs begin within the limits of their Applications and Clients, in order. Watches what the informers say, is
// asked by whoever works on a job, and wakes a job when its turn has come: nobody polls. It knows nothing between
// terms; a term begins with a count of all Jobs. All members are thread-safe and quick.
class Admission {
 public:
  struct Caches {
    const kube::Cache<job::Job>& jobs;
    const kube::Cache<job::Application>& applications;
    const kube::Cache<job::Client>& clients;
  };
  // Puts a job into the work queue.
  using Wake = std::function<void(const std::string& job)>;

  // While it lives, jobs are counted and may begin. The caches must be complete and the queue open.
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

  // To be told by the informers, after their stores have it.
  void on_job_change(const kube::Change<job::Job>& change);
  void on_application_change(const kube::Change<job::Application>& change);
  void on_client_change(const kube::Change<job::Client>& change);

  // What we know of a job, from the caches or from our own write; answers whether it may begin.
  Turn look(const job::Job& job);
  // There is no such job any more.
  void forget(const std::string& job);
  // The API server refused for good what a job needs to begin: the next one goes.
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
