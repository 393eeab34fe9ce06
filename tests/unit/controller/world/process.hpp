#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/metrics.hpp"
#include "controller/reconcile/admission.hpp"
#include "controller/reconcile/executor.hpp"
#include "controller/reconcile/job_reconciler.hpp"
#include "controller/volume/volume.hpp"
#include "kube/api/api_client.hpp"
#include "kube/api/events.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "unit/controller/world/oracle.hpp"
#include "unit/controller/world/watch.hpp"

namespace vbrain::controller::testing {

// Thrown where a process would have died.
struct Crash {};

// What goes wrong at the n-th write, counted over API server and volume together.
struct Fault {
  enum class Kind {
    kCrashBefore,  // the process dies before the write
    kCrashAfter,   // the process dies after it, before it knows
    kErrorBefore,  // the write fails and did not happen
    kErrorAfter,   // the write happened, its answer is lost
    kSentTwice,    // the connection broke after the write, and the transport sent it again; only to the API server
    kPause,        // the process stands still before the write while the next leader does all there is to do
  };
  int at = 0;
  Kind kind = Kind::kCrashBefore;
};

std::string text_of(const Fault& fault);

// Events that controllers have sent, as bodies of requests. Thread-safe: they are sent by threads of their own.
class EventLog {
 public:
  void add(std::string body) {
    const std::lock_guard lock(mutex_);
    bodies_.push_back(std::move(body));
  }
  std::vector<std::string> bodies() const {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> bodies_;
};

// The time of a job is over before, unless a test gives it more.
inline constexpr std::chrono::hours kPodRetention{36};

// What is around a controller.
struct Surroundings {
  vbrain::testing::FakeApiServer& api;
  const artifacts::Store& store;
  const base::Clock& clock;
  base::Metrics& metrics;
  Oracle& oracle;
  EventLog& events;
  // Called before each write, as "PUT jobs/status" or "purge". Answers the fault that strikes.
  std::function<std::optional<Fault::Kind>(const std::string& what)> before_write;
  // Whether the volume refuses now what it is asked for.
  std::function<bool(const std::string& what)> volume_refuses;
  // False while another controller may have the Lease.
  std::function<bool()> may_write;
};

enum class Watched { kJobs, kPods, kApplications, kClients };

// A controller: all that dies with the process.
class Process {
 public:
  // Each watch is late by numbers of its own, drawn from the seed. The caches are empty.
  Process(const Surroundings& around, std::uint64_t seed);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // --- Its watches.
  void list_all();
  void deliver_all();
  void deliver_late();
  void hold(Watched what, bool held);
  void hide_pods() { pod_watch_.hide(); }
  bool is_current() const;

  // It becomes the leader.
  void lead();
  bool is_leading() const { return term_.has_value(); }
  // Throws Crash where it dies.
  kube::ReconcileResult reconcile(std::stop_token stop);

 private:
  class Wire;        // its way to the API server, with faults
  class SickVolume;  // its way to the volume, with faults

  Surroundings around_;
  std::unique_ptr<Wire> wire_;
  std::unique_ptr<SickVolume> volume_;
  kube::ApiClient client_;
  kube::EventRecorder events_;
  kube::Cache<job::Job> jobs_;
  kube::Cache<job::Application> applications_;
  kube::Cache<job::Client> clients_;
  kube::Cache<kube::Pod> pods_;
  Executor executor_;
  Admission admission_;
  JobReconciler reconciler_;
  Watch<job::Job> job_watch_;
  Watch<job::Application> application_watch_;
  Watch<job::Client> client_watch_;
  Watch<kube::Pod> pod_watch_;
  std::optional<Admission::Term> term_;
};

}  // namespace vbrain::controller::testing
