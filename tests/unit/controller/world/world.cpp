#include "unit/controller/world/world.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "support/cpp/temp_dir.hpp"
#include "unit/controller/world/paths.hpp"

namespace vbrain::controller::testing {
namespace {

using nlohmann::json;
using Kind = kube::ReconcileResult::Kind;

// Nothing but its time to live makes a job wait that long without a write.
constexpr std::chrono::hours kLongRest{2};
// How much time goes by while a watch is late.
constexpr std::chrono::milliseconds kLook{200};
constexpr int kMostTurns = 2'000;

}  // namespace

MemoryFolder::MemoryFolder() {
  const bool use_memory = std::getenv("VBRAIN_TEST_VOLUMES") == nullptr && access("/dev/shm", W_OK) == 0;
  path_ = vbrain::testing::make_temp_folder(use_memory ? "/dev/shm" : vbrain::testing::volumes_folder());
}

MemoryFolder::~MemoryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

World::World(const Flavour& flavour)
    : flavour_(flavour),
      store_(folder_.path()),
      oracle_(api, store_, clock),
      around_{api,
              store_,
              clock,
              metrics_,
              oracle_,
              events_,
              [this](const auto& what) { return next_write(what); },
              [this](const auto& what) { return volume_refuses(what); },
              [this] { return may_write; }},
      node_({api, store_, clock, oracle_}),
      node_pace_(flavour.seed) {
  api.put(kSpaces, {{"metadata", {{"name", "vbrain"}}}});
  api.put(kClients, {{"metadata", {{"name", "north"}}},
                     {"spec", {{"organizationId", "acme"}, {"applicationId", "Tutorial"}, {"clientId", "north"}}}});
  process_ = new_process();
  process_->lead();
  if (flavour.standby) standby_ = new_process();
}

World::~World() = default;

std::unique_ptr<Process> World::new_process() {
  auto process = std::make_unique<Process>(around_, flavour_.seed * 1'000 + processes_++);
  process->list_all();
  return process;
}

void World::restart() {
  if (standby_) {
    process_ = std::move(standby_);
    if (flavour_.lists_at_term) process_->list_all();
    standby_ = new_process();
  } else {
    process_.reset();
    process_ = new_process();
  }
  is_first_ = false;
  term_ = {};
  process_->lead();
}

void World::start_anew() {
  standby_.reset();
  restart();
  if (flavour_.standby) standby_ = new_process();
}

void World::depose(int turns) {
  deposed_ = std::move(process_);
  deposed_turns_ = turns;
  restart();
}

std::optional<Fault::Kind> World::next_write(const std::string& what) {
  const int number = writes_++;
  ++counts_[what];
  if (what == "purge" && std::exchange(ends_at_purge_, false)) term_.request_stop();
  const auto fault = std::ranges::find(faults_, number, &Fault::at);
  if (fault == faults_.end()) return std::nullopt;
  if (fault->kind != Fault::Kind::kPause) return fault->kind;
  stand_still();
  return std::nullopt;
}

void World::stand_still() {
  auto still = std::move(process_);
  const bool was_first = is_first_;
  restart();
  if (!run()) oracle_.report("the next leader does not come to rest");
  process_ = std::move(still);
  is_first_ = was_first;
}

// --- Turns.

void World::look(Process& process, bool is_late) {
  is_late ? process.deliver_late() : process.deliver_all();
}

void World::sync() {
  process_->deliver_all();
  if (standby_) standby_->deliver_all();
}

kube::ReconcileResult World::step() {
  sync();
  return step_with_old_caches();
}

kube::ReconcileResult World::step_with_old_caches() {
  try {
    return process_->reconcile(term_.get_token());
  } catch (const Crash&) {
    restart();
    return kube::ReconcileResult::retryable("crashed");
  }
}

void World::let_deposed_work() {
  if (!deposed_) return;
  // It may stand still in the middle, and others go on: meanwhile it is nobody else's.
  auto deposed = std::move(deposed_);
  try {
    deposed->deliver_late();
    deposed->reconcile({});
  } catch (const Crash&) {
    return;
  }
  if (--deposed_turns_ > 0 && !deposed_) deposed_ = std::move(deposed);
}

kube::ReconcileResult World::turn() {
  while (!acts_.empty() && acts_.begin()->first <= turn_) {
    const auto act = acts_.extract(acts_.begin());
    act.mapped()(*this);
    oracle_.look();
  }
  ++turn_;
  look(*process_, flavour_.late || (flavour_.standby && !is_first_));
  if (standby_) standby_->deliver_late();
  const kube::ReconcileResult result = step_with_old_caches();
  let_deposed_work();
  flavour_.late ? node_.work_slowly(node_pace_) : node_.work();
  return result;
}

void World::run_turns(int turns) {
  for (int i = 0; i < turns; ++i) {
    turn();
    clock.advance(kLook);
  }
}

bool World::run() {
  int quiet = 0;
  std::chrono::milliseconds rest{};
  for (int i = 0; i < kMostTurns; ++i) {
    const int changes = oracle_.changes();
    const int writes = writes_;
    const kube::ReconcileResult result = turn();
    // A job whose time to live is over is not at rest while its removal is tried.
    if (lets_expire_ && writes != writes_) rest = {};
    const bool expires = lets_expire_ || result.delay < kLongRest;
    if (changes != oracle_.changes() || !process_->is_current() || deposed_ || !acts_.empty()) {
      quiet = 0;
      rest = {};
      if (!is_prompt()) clock.advance(kLook);
    } else if (result.kind == Kind::kRetryable) {
      clock.advance(std::chrono::milliseconds(5));
    } else if (result.kind == Kind::kAfter && expires) {
      if (rest > kLongRest) return true;
      clock.advance(result.delay);
      rest += result.delay;
    } else {
      ++quiet;
    }
    if (quiet > 1) return true;
  }
  return false;
}

// --- The scene, and what users do.

void World::when_running(int attempt, std::function<void(World&)> act) {
  node_.when_running(attempt, [this, act = std::move(act)] { act(*this); });
}

void World::add_application(const std::function<void(json& spec)>& edit) {
  json application = {{"metadata", {{"name", "tutorial"}, {"generation", 1}}},
                      {"spec", {{"applicationId", "Tutorial"}, {"organizations", {"*"}}, {"template", a_template()}}}};
  if (edit) edit(application["spec"]);
  api.put(kApplications, application);
}

void World::add_job(bool by_kubectl) {
  job::JobSpec spec;
  spec.organization_id = "acme";
  spec.application_id = "Tutorial";
  spec.client_id = "north";
  spec.username = "ana";
  json job = job::encode_new_job("vbrain", kJobId, spec);
  job["metadata"]["uid"] = kJobUid;
  job["metadata"]["generation"] = 1;
  job["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z";
  job["status"] = {{"phase", "Queued"}};
  if (by_kubectl) {
    job["metadata"].erase("finalizers");
    job["metadata"].erase("labels");
    job["spec"]["params"] = {{"a", 10}, {"b", 20}};
  } else {
    artifacts::JobFile file;
    file.job_id = kJobId;
    file.tenant = tenant();
    file.created_by = "ana";
    if (!store_.publish_job(file)) throw std::runtime_error("publish");
  }
  api.put(kJobs, job);
  oracle_.look();
}

void World::patch_spec(const json& patch) {
  json changed = job();
  if (changed.is_null()) return;
  changed["spec"].merge_patch(patch);
  api.put(kJobs, changed);
}

void World::patch_metadata(const json& patch) {
  json changed = job();
  if (changed.is_null()) return;
  changed["metadata"].merge_patch(patch);
  api.put(kJobs, changed);
}

void World::patch_application(const json& spec) {
  json changed = api.object(kApplications + "/tutorial");
  changed["spec"].merge_patch(spec);
  changed["metadata"]["generation"] = changed["metadata"]["generation"].get<int>() + 1;
  api.put(kApplications, changed);
}

void World::delete_job() {
  oracle_.look();
  oracle_.note_deletion();
  api.call({.method = "DELETE", .target = kJob}, {});
}

void World::erase_job() {
  oracle_.look();
  oracle_.note_deletion();
  api.erase(kJob);
}

void World::delete_pod(int attempt) {
  json gone = pod(attempt);
  if (gone.is_null() || gone["metadata"].contains("deletionTimestamp")) return;
  gone["metadata"]["deletionTimestamp"] = base::format_rfc3339_seconds(clock.now());
  api.put(kPods, gone);
}

void World::lose_resources() {
  for (const json& pod : api.objects(kPods).items) api.erase(kPods + "/" + pod["metadata"]["name"].get<std::string>());
  api.erase(kJob);
  oracle_.begin_anew();
  start_anew();
}

void World::restore(const vbrain::testing::FakeApiServer::Backup& backup) {
  api.restore(backup);
}

}  // namespace vbrain::controller::testing
