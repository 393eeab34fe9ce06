#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/metrics.hpp"
#include "controller/reconcile/admission.hpp"
#include "controller/reconcile/executor.hpp"
#include "controller/reconcile/job_reconciler.hpp"
#include "kube/runtime/reconcile_loop.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller::testing {

// An installation with many jobs: a fake API server, a volume that always works, the controller's own code and queue.
// Pods do nothing until the test says how they end. One thread; time passes only by the test's clock.
class Crowd {
 public:
  Crowd();
  ~Crowd();

  // --- Actions of operators and users. The controller sees them after sync() or work().
  void limit_application(std::optional<int> limit, const std::string& application = "Tutorial");
  void limit_client(std::optional<int> limit, const std::string& client = "north");
  // Jobs are as old as the order in which they were added.
  void add_job(const std::string& name, const std::string& client = "north", int priority = 0);
  void patch_spec(const std::string& name, const nlohmann::json& patch);
  void delete_job(const std::string& name);
  // The pod of the job's current attempt succeeds, or is removed after it was told to stop.
  void end_pod(const std::string& name);
  void remove_pod(const std::string& name);

  // --- Faults. The next write of a job's status is refused, fails without being executed, or is executed with a lost
  // answer.
  enum class Trouble { kForbidden, kUnavailable, kAnswerLost };
  void trouble_next_write(const std::string& name, Trouble trouble) { troubles_[name].push_back(trouble); }

  // Updates the caches like a watch, in the order of the changes.
  void sync();
  // Processes one key with the current caches. False if no key is ready.
  bool step();
  // sync() and step() until there is nothing to do.
  void work();
  // The same with advancing time, so that delayed keys are processed, too.
  void work_for(std::chrono::seconds time);
  // The process has crashed; the next one has listed everything.
  void restart();

  nlohmann::json status(const std::string& name) const;
  std::string reason(const std::string& name) const { return status(name).value("reason", ""); }
  std::string phase(const std::string& name) const { return status(name).value("phase", ""); }
  // Jobs whose first attempt was claimed, in that order.
  const std::vector<std::string>& begun() const { return begun_; }
  // Jobs under way, according to the API server.
  int under_way(const std::string& client = {});
  int status_writes(const std::string& name) const;
  // Keys processed since the last call.
  std::vector<std::string> reconciled() { return std::exchange(reconciled_, {}); }

  vbrain::testing::FakeApiServer api;
  vbrain::testing::ManualClock clock;
  // Called after every write of a status.
  std::function<void()> after_write = [] {};

 private:
  class Wire;
  class EasyVolume;
  struct Process;

  nlohmann::json job(const std::string& name) const;

  base::Metrics metrics_;
  std::unique_ptr<Process> process_;
  std::map<std::string, std::vector<Trouble>> troubles_;
  std::map<std::string, int> status_writes_;
  std::vector<std::string> begun_;
  std::vector<std::string> reconciled_;
  int jobs_made_ = 0;
};

}  // namespace vbrain::controller::testing
