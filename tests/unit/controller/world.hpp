#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "artifacts/store/store.hpp"
#include "base/metrics.hpp"
#include "controller/reconcile/executor.hpp"
#include "controller/reconcile/job_reconciler.hpp"
#include "controller/reconcile/volume.hpp"
#include "kube/api/api_client.hpp"
#include "kube/api/events.hpp"
#include "support/fake_api_server.hpp"
#include "support/manual_clock.hpp"
#include "unit/controller/builders.hpp"

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
    kPause,        // the process stands still before the write while the next leader does all there is to do
  };
  int at = 0;
  Kind kind = Kind::kCrashBefore;
};

std::string text_of(const Fault& fault);

// What an application does on its node.
struct Behaviour {
  enum class Kind { kExits, kRunsUntilStopped, kImageMissing, kEvicted };
  Kind kind = Kind::kExits;
  int exit_code = 0;
};

// A volume in memory, since thousands of histories need no disk; elsewhere if VBRAIN_TEST_VOLUMES says so.
class MemoryFolder {
 public:
  MemoryFolder();
  ~MemoryFolder();
  MemoryFolder(const MemoryFolder&) = delete;
  MemoryFolder& operator=(const MemoryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// An installation with one job in it: a fake API server, a real volume, the controller's own code, and a kubelet with
// runners that behave as told. One thread, no time but the clock's: every history can be told again.
class World {
 public:
  World();
  ~World();

  // --- The scene, set before run().
  void add_application(const std::function<void(nlohmann::json& spec)>& edit = {});
  // By REST: folder first, then the resource. By hand: the resource alone.
  void add_job(bool by_hand = false);
  void behave(int attempt, Behaviour behaviour) { behaviours_[attempt] = behaviour; }
  // Otherwise time stands still when an ended job has nothing but its time to live to wait for.
  void let_jobs_expire() { lets_expire_ = true; }
  void add_fault(Fault fault) { faults_.push_back(fault); }
  // The leader is told to stop when its next purge begins.
  void end_term_at_purge() { ends_at_purge_ = true; }
  // From now on the watch shows no pods: they have left its selector.
  void hide_pods() { pods_hidden_ = true; }
  // The n-th look at a cache finds it as it was before. Numbers from the seed.
  void make_caches_lag(unsigned seed) { lag_seed_ = seed; }

  // Whether the volume refuses now, asked before "prepare", "read", "close", "archive" and "purge".
  std::function<bool(const std::string& what)> volume_refuses = [](const std::string&) { return false; };

  // --- What users do, at the moment the pod of an attempt runs.
  void when_running(int attempt, std::function<void(World&)> act) { when_running_[attempt] = std::move(act); }
  void patch_spec(const nlohmann::json& patch);
  void delete_job();

  // Lets everybody work until nothing changes any more. False if that does not come.
  bool run();
  // One reconcile with up-to-date caches.
  kube::ReconcileResult step();
  kube::ReconcileResult step_with_old_caches();
  void sync();
  void let_kubelet_work();
  void restart();
  // Job and pods go, as if they had never been; the volume stays.
  void lose_resources();
  // The API server is as it was then; process and volume are as they are.
  void restore(const vbrain::testing::FakeApiServer::Backup& backup);
  // A walk over the volume, as a leader's term begins with.
  void scan();

  // --- What came of it.
  nlohmann::json job() const;
  nlohmann::json status() const;
  nlohmann::json pod(int attempt) const;
  std::size_t pods() const;
  int writes() const { return writes_; }
  // Writes to a place, as "PUT jobs/status", "POST pods".
  int count(const std::string& what) const;
  // How often an attempt's application was started, over all pods.
  int starts(int attempt) const;
  int starts_in_all() const;
  bool has_status_file() const;
  bool has_folder() const;
  bool has_trash() const;
  artifacts::Dir attempt_folder(int attempt) const;
  artifacts::Dir job_folder() const;
  // What was never to happen, in words; empty if it never did.
  std::vector<std::string> violations() const { return violations_; }

  vbrain::testing::FakeApiServer api;
  vbrain::testing::ManualClock clock;

 private:
  class Wire;        // the process's way to the API server, with faults
  class SickVolume;  // the process's way to the volume, with faults
  struct Process;

  // Faults of the next write. Returns the one that strikes.
  std::optional<Fault::Kind> next_write(const std::string& what);
  void check_invariants();
  void run_pod(nlohmann::json pod);
  void end_pod(nlohmann::json& pod, int exit_code, const std::string& message);
  int behaviour_exit_code(int attempt) const;

  MemoryFolder folder_;
  artifacts::Store store_;
  base::Metrics metrics_;
  std::unique_ptr<Process> process_;
  std::vector<Fault> faults_;
  int writes_ = 0;
  std::map<std::string, int> counts_;
  std::map<int, Behaviour> behaviours_;
  std::map<int, std::function<void(World&)>> when_running_;
  std::map<int, std::vector<std::string>> started_;  // attempt -> pod UIDs whose runner won
  std::optional<unsigned> lag_seed_;
  bool lets_expire_ = false;
  bool ends_at_purge_ = false;
  bool pods_hidden_ = false;
  std::stop_source term_;
  unsigned looks_ = 0;
  nlohmann::json last_status_;
  std::vector<std::string> violations_;
};

}  // namespace vbrain::controller::testing
