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
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "unit/controller/builders.hpp"
#include "unit/controller/world/flavour.hpp"
#include "unit/controller/world/node.hpp"
#include "unit/controller/world/oracle.hpp"
#include "unit/controller/world/process.hpp"

namespace vbrain::controller::testing {

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

// An installation with one job in it: a fake API server, a real volume, controllers made of the controller's own code,
// a node, and an oracle that looks at every step. One thread, no time but the clock's, no randomness but the flavour's
// seed: every history can be told again.
class World {
 public:
  explicit World(const Flavour& flavour = kPrompt);
  ~World();

  // --- The scene, set before run().
  void add_application(const std::function<void(nlohmann::json& spec)>& edit = {});
  // By REST: folder first, then the resource. With kubectl: the resource alone.
  void add_job(bool by_kubectl = false);
  void behave(int attempt, Behaviour behaviour) { node_.behave(attempt, behaviour); }
  // Otherwise time stands still when an ended job has nothing but its time to live to wait for.
  void let_jobs_expire() { lets_expire_ = true; }
  void add_fault(Fault fault) { faults_.push_back(fault); }
  // The leader is told to stop when its next purge begins.
  void end_term_at_purge() { ends_at_purge_ = true; }
  // From now on the watch of the leader shows no pods: they have left its selector.
  void hide_pods() { process_->hide_pods(); }
  // Whether the volume refuses now, asked before "prepare", "read", "close", "archive" and "purge".
  std::function<bool(const std::string& what)> volume_refuses = [](const std::string&) { return false; };

  // False while another controller may have the Lease.
  bool may_write = true;

  // Pods may be refused: then an attempt is given up that had none.
  void allow_refusals() { oracle_.allow_refusals(); }

  // --- What users and operators do: in the middle of run(), or when the application of an attempt has started.
  void at_turn(int turn, std::function<void(World&)> act) { acts_.emplace(turn, std::move(act)); }
  void when_running(int attempt, std::function<void(World&)> act);
  void patch_spec(const nlohmann::json& patch);
  void patch_metadata(const nlohmann::json& patch);
  void patch_application(const nlohmann::json& spec);
  void delete_job();
  // The resource goes at once, whatever holds it.
  void erase_job();
  void delete_pod(int attempt);

  // Lets everybody work until nothing changes any more. False if that does not come.
  bool run();
  // The same for a number of turns.
  void run_turns(int turns);
  // One reconcile of the leader with up-to-date caches.
  kube::ReconcileResult step();
  kube::ReconcileResult step_with_old_caches();
  // All watches show everything, but those that are held.
  void sync();
  void let_kubelet_work() { node_.work(); }
  // The leader is gone. The standby takes over with the caches that it has; without one a new process lists all.
  void restart();
  // All controllers are new, and have listed everything.
  void start_anew();
  // The same, but the leader that was goes on for some turns beside the next one.
  void depose(int turns);
  void hold_watch(Watched what, bool held = true) { process_->hold(what, held); }
  void hold_standby_watch(Watched what, bool held = true) { standby_->hold(what, held); }
  // Job and pods go, as if they had never been; the volume stays, and all processes begin anew.
  void lose_resources();
  // The API server is as it was then; processes, node and volume are as they are.
  void restore(const vbrain::testing::FakeApiServer::Backup& backup);
  // A walk over the volume, as a leader's term begins with.
  void scan();

  // --- What came of it.
  // Nothing is late and nobody stands by: every write is where it was in the last run.
  bool is_prompt() const { return !flavour_.late && !flavour_.standby; }
  nlohmann::json job() const;
  nlohmann::json status() const;
  nlohmann::json pod(int attempt) const;
  std::size_t pods() const;
  int writes() const { return writes_; }
  // Writes to a place, as "PUT jobs/status", "POST pods".
  int count(const std::string& what) const;
  // How often an attempt's application was started, over all pods.
  int starts(int attempt) const { return oracle_.starts(attempt); }
  int starts_in_all() const { return oracle_.starts_in_all(); }
  bool has_status_file() const;
  bool has_folder() const;
  bool has_trash() const;
  artifacts::Dir attempt_folder(int attempt) const;
  artifacts::Dir job_folder() const;
  std::vector<std::string> events() const { return events_.bodies(); }
  // As for a scrape.
  std::string metrics() { return metrics_.render(); }
  // What was never to happen, in words; empty if it never did.
  const std::vector<std::string>& violations() const { return oracle_.violations(); }

  vbrain::testing::FakeApiServer api;
  vbrain::testing::ManualClock clock;

 private:
  std::optional<Fault::Kind> next_write(const std::string& what);
  void stand_still();
  std::unique_ptr<Process> new_process();
  void look(Process& process, bool is_late);
  kube::ReconcileResult turn();
  void let_deposed_work();

  const Flavour flavour_;
  MemoryFolder folder_;
  artifacts::Store store_;
  base::Metrics metrics_;
  Oracle oracle_;
  EventLog events_;
  Surroundings around_;
  Node node_;
  Random node_pace_;
  std::unique_ptr<Process> process_;
  std::unique_ptr<Process> standby_;
  std::unique_ptr<Process> deposed_;
  int deposed_turns_ = 0;
  bool is_first_ = true;  // the first leader leads
  std::uint64_t processes_ = 0;
  std::multimap<int, std::function<void(World&)>> acts_;
  int turn_ = 0;
  std::vector<Fault> faults_;
  int writes_ = 0;
  std::map<std::string, int> counts_;
  bool lets_expire_ = false;
  bool ends_at_purge_ = false;
  std::stop_source term_;
};

}  // namespace vbrain::controller::testing
