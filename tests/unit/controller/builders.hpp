#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "controller/planning/action.hpp"
#include "controller/planning/snapshot.hpp"
#include "controller/planning/status_edit.hpp"
#include "job/application.hpp"
#include "job/job.hpp"
#include "job/names.hpp"
#include "kube/api/pod.hpp"

namespace vbrain::controller::testing {

inline constexpr const char* kJobId = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";
inline constexpr const char* kJobUid = "11111111-2222-3333-4444-555555555555";
inline constexpr const char* kPodUid = "aaaaaaaa-2222-3333-4444-555555555555";

inline base::TimePoint at(std::int64_t seconds) {
  return base::TimePoint{std::chrono::seconds(1'700'000'000 + seconds)};
}

inline job::Job a_job() {
  job::Job job;
  job.meta.name = kJobId;
  job.meta.namespace_name = "vbrain";
  job.meta.uid = kJobUid;
  job.meta.resource_version = "100";
  job.meta.generation = 1;
  job.meta.finalizers = {std::string(job::kFinalizer)};
  job.meta.creation_timestamp = at(0);
  job.spec.organization_id = "acme";
  job.spec.application_id = "Tutorial";
  job.spec.client_id = "north";
  job.spec.repository_id = "202009231629398695";
  job.spec.username = "ana";
  return job;
}

inline nlohmann::json a_template() {
  return {{"spec",
           {{"containers", nlohmann::json::array({{{"name", "main"},
                                                   {"image", "vbrain/tutorial:1"},
                                                   {"command", {"python3", "/app/main.py"}},
                                                   {"args", {"--fast"}},
                                                   {"resources", {{"limits", {{"memory", "64Mi"}}}}}}})}}}};
}

inline job::Application an_application(const nlohmann::json& pod_template = a_template()) {
  job::Application application;
  application.meta.name = "tutorial";
  application.meta.namespace_name = "vbrain";
  application.meta.uid = "99999999-2222-3333-4444-555555555555";
  application.meta.resource_version = "50";
  application.meta.generation = 3;
  application.application_id = "Tutorial";
  application.organizations = {"*"};
  application.template_json = pod_template.dump();
  return application;
}

inline artifacts::Outcome an_outcome(artifacts::Outcome::Kind kind = artifacts::Outcome::Kind::kOk, int exit_code = 0) {
  artifacts::Outcome outcome;
  outcome.kind = kind;
  outcome.exit_code = exit_code;
  outcome.duration_ms = 1'200;
  if (kind == artifacts::Outcome::Kind::kOk) {
    outcome.output_bytes = 12;
    outcome.output_sha256 = std::string(64, 'a');
    outcome.log_bytes = 34;
    outcome.result_bytes = 9;
  }
  return outcome;
}

// A pod, in the words of its life.
class PodOf {
 public:
  explicit PodOf(int attempt = 1) {
    pod_.meta.name = job::pod_name(kJobId, attempt);
    pod_.meta.namespace_name = "vbrain";
    pod_.meta.uid = kPodUid;
    pod_.meta.resource_version = "200";
    pod_.meta.creation_timestamp = at(0);
    pod_.meta.owner_references = {{"vbrain.visagio.com/v1", "Job", kJobId, kJobUid, true}};
    pod_.phase = "Pending";
  }
  PodOf& uid(std::string value) {
    return edit([&] { pod_.meta.uid = std::move(value); });
  }
  PodOf& made_at(std::int64_t seconds) {
    return edit([&] { pod_.meta.creation_timestamp = at(seconds); });
  }
  PodOf& on_node(std::string node = "node1") {
    return edit([&] { pod_.node_name = std::move(node); });
  }
  PodOf& waiting(std::string reason, std::string message = "because") {
    on_node();
    return edit([&] {
      main().waiting = true;
      main().waiting_reason = std::move(reason);
      main().waiting_message = std::move(message);
    });
  }
  PodOf& unschedulable(std::string message = "0/1 nodes available") {
    return edit([&] { pod_.conditions.push_back({"PodScheduled", "False", "Unschedulable", std::move(message)}); });
  }
  PodOf& init_running(std::string name) {
    on_node();
    return edit([&] {
      pod_.conditions.push_back({"Initialized", "False", "ContainersNotInitialized", ""});
      kube::ContainerStatus& container = pod_.init_containers.emplace_back();
      container.name = std::move(name);
      container.running_since = at(1);
    });
  }
  PodOf& init_ended(std::string name, int exit_code, std::string message, std::string reason = "Error") {
    on_node();
    return edit([&] {
      kube::ContainerStatus& container = pod_.init_containers.emplace_back();
      container.name = std::move(name);
      container.terminated.emplace();
      container.terminated->exit_code = exit_code;
      container.terminated->reason = std::move(reason);
      container.terminated->message = std::move(message);
    });
  }
  // By the node's clock. Only of a pod whose `main` has ended.
  PodOf& finished_at(std::int64_t seconds) {
    return edit([&] { main().terminated->finished_at = at(seconds); });
  }
  PodOf& running() {
    on_node();
    return edit([&] {
      pod_.phase = "Running";
      main().running_since = at(1);
    });
  }
  PodOf& ended(int exit_code, std::string message, std::string reason = {}) {
    on_node();
    return edit([&] {
      main().running_since.reset();
      kube::ContainerTerminated end;
      end.exit_code = exit_code;
      end.reason = !reason.empty() ? std::move(reason) : exit_code == 0 ? "Completed" : "Error";
      end.message = std::move(message);
      main().terminated = std::move(end);
      pod_.phase = exit_code == 0 ? "Succeeded" : "Failed";
    });
  }
  PodOf& succeeded() { return ended(0, artifacts::encode_outcome(an_outcome())); }
  PodOf& exited(int code) {
    return ended(code, artifacts::encode_outcome(an_outcome(artifacts::Outcome::Kind::kExit, code)));
  }
  PodOf& failed(std::string reason, std::string message = {}) {
    return edit([&] {
      pod_.phase = "Failed";
      pod_.reason = std::move(reason);
      pod_.message = std::move(message);
    });
  }
  PodOf& disrupted() {
    return edit([&] { pod_.conditions.push_back({"DisruptionTarget", "True", "EvictionByEvictionAPI", ""}); });
  }
  // By the node controller, because the node does not answer.
  PodOf& marked_not_ready() {
    return edit([&] { pod_.conditions.push_back({"Ready", "False", "", ""}); });
  }
  // By the kubelet, because a container is not ready.
  PodOf& not_ready() {
    return edit([&] { pod_.conditions.push_back({"Ready", "False", "ContainersNotReady", "containers: proxy"}); });
  }
  PodOf& stopping(std::int64_t grace_seconds = 0) {
    return edit([&] {
      pod_.meta.deletion_timestamp = at(10);
      pod_.meta.deletion_grace_seconds = grace_seconds;
    });
  }
  PodOf& with_sidecar_running() {
    return edit([&] {
      kube::ContainerStatus sidecar;
      sidecar.name = "proxy";
      sidecar.running_since = at(1);
      pod_.containers.push_back(sidecar);
      pod_.phase = "Running";
    });
  }
  const kube::Pod& get() const { return pod_; }

 private:
  template <class Change>
  PodOf& edit(Change change) {
    change();
    return *this;
  }
  kube::ContainerStatus& main() {
    for (auto& container : pod_.containers) {
      if (container.name == "main") return container;
    }
    pod_.containers.emplace_back().name = "main";
    return pod_.containers.back();
  }
  kube::Pod pod_;
};

inline AttemptFiles unclaimed() {
  return {};
}
inline AttemptFiles claimed_by(artifacts::Claim::By by, std::string uid = kPodUid) {
  AttemptFiles files;
  files.claim = artifacts::Claim{.by = by, .pod_uid = std::move(uid), .time = at(1)};
  return files;
}
inline AttemptFiles claimed_by_runner(std::string uid = kPodUid) {
  return claimed_by(artifacts::Claim::By::kRunner, std::move(uid));
}
inline AttemptFiles closed() {
  return claimed_by(artifacts::Claim::By::kController, "");
}
// Somebody has it, and nobody can say who: an older version may have died while it wrote.
inline AttemptFiles unreadable() {
  return claimed_by(artifacts::Claim::By::kUnknown, "");
}
inline AttemptFiles sealed(artifacts::Outcome outcome = an_outcome(), std::string uid = kPodUid) {
  AttemptFiles files = claimed_by(artifacts::Claim::By::kRunner, uid);
  artifacts::Manifest manifest;
  manifest.outcome = std::move(outcome);
  manifest.pod_uid = std::move(uid);
  files.manifest.emplace(std::move(manifest));
  return files;
}

// What plan() sees, in the words of a job's life.
class Scene {
 public:
  Scene() {
    s_.now = at(100);
    s_.job = a_job();
    application_ = an_application();
    s_.job.status.phase = job::Phase::kQueued;
    s_.job_confirmed = true;
    s_.known_for = std::chrono::minutes(1);
  }
  // This controller has seen the job for the first time so long ago.
  Scene& known_for(std::int64_t ms) {
    s_.known_for = std::chrono::milliseconds(ms);
    return *this;
  }
  Scene& without_client() {
    s_.turn.client_found = false;
    return *this;
  }
  // No limit of concurrent jobs applies to the job.
  Scene& without_limit() {
    s_.turn.is_counted = false;
    return *this;
  }
  // Its status was written before, when it waited.
  Scene& has_waited() {
    s_.job.status.observed_generation = 1;
    return *this;
  }
  // The caches alone told of the Job.
  Scene& from_caches() {
    s_.job_confirmed = false;
    return *this;
  }
  // Attempt `n` was claimed at second 100.
  Scene& attempt(int n) {
    s_.job.status.phase = job::Phase::kStarted;
    s_.job.status.attempts = n;
    s_.job.status.start_time = at(100);
    s_.job.status.reason = "Starting";
    for (int i = 1; i < n; ++i) {
      job::AttemptRecord record;
      record.attempt = i;
      record.completion_time = at(100);
      s_.job.status.attempt_history.push_back(record);
    }
    return *this;
  }
  Scene& pod(const PodOf& pod, std::int64_t since_ms = 0) { return sight(pod, since_ms, false); }
  // What the events of the last pod said; they may be read again after that time.
  Scene& events(std::optional<PodTrouble> trouble, std::int64_t again_in_ms = 5'000) {
    s_.pods.back().trouble = std::move(trouble);
    s_.pods.back().events_in = std::chrono::milliseconds(again_in_ms);
    return *this;
  }
  // The job has a callback_url; `told` is the status of its condition CallbackDelivered, if it has one.
  Scene& callback(const char* told = nullptr) {
    s_.job.spec.callback_url = "https://hooks.example.com/";
    if (told != nullptr) s_.job.status.conditions.push_back({"CallbackDelivered", told, "Because", ""});
    return *this;
  }
  Scene& gone(const PodOf& pod) { return sight(pod, 0, true); }
  Scene& files(AttemptFiles files) {
    s_.files = std::move(files);
    s_.pod_asked_for = true;
    return *this;
  }
  Scene& after(std::int64_t seconds) {
    s_.now = at(100 + seconds);
    return *this;
  }
  Scene& backoff_limit(int limit) {
    application_->backoff_limit = limit;
    return *this;
  }
  Scene& deadline(std::int64_t seconds) {
    application_->active_deadline_seconds = seconds;
    return *this;
  }
  Scene& pre_running_deadline(std::int64_t seconds) {
    application_->pre_running_deadline_seconds = seconds;
    return *this;
  }
  Scene& without_application() {
    application_.reset();
    return *this;
  }
  Scene& only_for(std::string organization) {
    application_->organizations = {std::move(organization)};
    return *this;
  }
  Scene& memory_growth(std::string factor, std::string limit) {
    application_->memory_growth_factor = std::move(factor);
    application_->memory_growth_limit = std::move(limit);
    return *this;
  }
  Scene& ttl(std::int64_t seconds) {
    application_->ttl_seconds_after_finished = seconds;
    return *this;
  }
  Scene& removed() {
    s_.removed = true;
    return *this;
  }
  Scene& reason(std::string reason, std::string message = "") {
    s_.job.status.reason = std::move(reason);
    s_.job.status.message = std::move(message);
    return *this;
  }
  // The pod of the attempt could not be made, a moment ago.
  Scene& refused(Failure failure) { return fails(CreatePod{s_.job.status.attempts}, std::move(failure), 0); }
  // The action fails since then, and is tried again in ten seconds.
  Scene& fails(Action action, Failure failure, std::int64_t since_seconds, std::int64_t retry_in_seconds = 10) {
    failures_.push_back({std::move(action), std::move(failure), since_seconds, retry_in_seconds});
    return *this;
  }
  // This action failed, with these words.
  Scene& fails(Action action, std::int64_t since_seconds = 0) {
    return fails(std::move(action), {.reason = "VolumeFailing", .message = "waiting: no volume"}, since_seconds);
  }
  Scene& lost_for(std::int64_t seconds) {
    s_.lost_for = std::chrono::seconds(seconds);
    return *this;
  }
  Scene& disruptions(int count) {
    s_.job.status.disruptions = count;
    return *this;
  }
  Scene& cancelled() {
    s_.job.spec.cancel = true;
    return *this;
  }
  Scene& suspended() {
    s_.job.spec.suspend = true;
    return *this;
  }
  Scene& not_its_turn(std::string why) {
    s_.turn = {.may_begin = false, .why_not = std::move(why)};
    return *this;
  }
  Scene& without_finalizer() {
    s_.job.meta.finalizers.clear();
    return *this;
  }
  Scene& deleted(std::int64_t since_ms = 5'000) {
    s_.job.meta.deletion_timestamp = at(100);
    s_.deleting_for = std::chrono::milliseconds(since_ms);
    return *this;
  }
  Scene& removal_asked_for() {
    s_.removal_asked_for = true;
    return *this;
  }
  Scene& ended_badly() {
    finished(true);
    s_.job.status.phase = job::Phase::kFailed;
    return *this;
  }
  Scene& finished(bool archived = false) {
    s_.job.status.phase = job::Phase::kFinished;
    s_.job.status.completion_time = at(100);
    s_.archived = archived;
    return *this;
  }
  Scene& next_attempt_at(std::int64_t seconds) {
    s_.job.status.next_attempt_time = at(100 + seconds);
    return *this;
  }
  Snapshot build() const {
    Snapshot snapshot = s_;
    if (application_) snapshot.application = std::make_shared<const job::Application>(*application_);
    for (const auto& [action, failure, since, retry_in] : failures_) {
      snapshot.failed.push_back({.action = name_of(action, snapshot),
                                 .failure = failure,
                                 .failing_for = std::chrono::seconds(since),
                                 .retry_in = std::chrono::seconds(retry_in)});
    }
    measure(snapshot);
    return snapshot;
  }
  // All times since what the job's status says, by a clock that never went wrong.
  static void measure(Snapshot& snapshot) {
    snapshot.since_start = snapshot.now - snapshot.job.status.start_time.value_or(snapshot.now);
    snapshot.since_attempt = snapshot.now - attempt_start(snapshot);
    for (PodSighting& sighting : snapshot.pods) {
      sighting.age = std::max(snapshot.now - sighting.pod->meta.creation_timestamp, std::chrono::milliseconds(0));
    }
  }

 private:
  Scene& sight(const PodOf& pod, std::int64_t since_ms, bool gone) {
    const std::chrono::milliseconds since(since_ms);
    s_.pods.push_back({.pod = std::make_shared<const kube::Pod>(pod.get()),
                       .gone = gone,
                       .stopping_for = since,
                       .running_for = since,
                       .waiting_for = since,
                       .unreachable_for = since});
    return *this;
  }
  struct FailingAction {
    Action action;
    Failure failure;
    std::int64_t since_seconds = 0;
    std::int64_t retry_in_seconds = 0;
  };
  Snapshot s_;
  std::optional<job::Application> application_;
  std::vector<FailingAction> failures_;
};

}  // namespace vbrain::controller::testing
