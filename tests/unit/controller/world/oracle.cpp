#include "unit/controller/world/oracle.hpp"

#include <algorithm>

#include "unit/controller/world/paths.hpp"
#include "unit/controller/world/wrong_kind.hpp"

namespace vbrain::controller::testing {
namespace {

using nlohmann::json;

std::string text_at(const json& object, const char* pointer) {
  const json::json_pointer at(pointer);
  return object.contains(at) && object[at].is_string() ? object[at].get<std::string>() : std::string{};
}

int attempt_of(const json& pod) {
  const std::string label = text_at(pod, "/metadata/labels/vbrain.visagio.com~1attempt");
  return label.empty() ? 0 : std::stoi(label);
}

std::string phase_of(const json& pod) {
  const std::string phase = text_at(pod, "/status/phase");
  return phase.empty() ? "Pending" : phase;
}

bool has_ended(const json& pod) {
  return phase_of(pod) == "Succeeded" || phase_of(pod) == "Failed";
}

bool is_marked(const json& object) {
  return object["metadata"].contains("deletionTimestamp");
}

bool belongs_to(const json& pod, const json& job) {
  const json owners = pod["metadata"].value("ownerReferences", json::array());
  return !job.is_null() && std::ranges::any_of(owners, [&](const json& owner) {
    return owner.value("uid", "") == text_at(job, "/metadata/uid");
  });
}

json status_of(const json& job) {
  return job.is_null() ? json::object() : job.value("status", json::object());
}

bool is_terminal(const json& status) {
  return status.value("phase", "") == "Finished" || status.value("phase", "") == "Failed";
}

int rank_of(const json& status) {
  const std::string phase = status.value("phase", "Queued");
  return phase == "Queued" ? 0 : phase == "Started" ? 1 : 2;
}

// What `read` finds on the volume. A file that nobody can read says nothing.
template <class Read>
auto find_readable(const Read& read) -> decltype(read()) {
  try {
    return read();
  } catch (const artifacts::VolumeError& error) {
    if (!is_wrong_kind(error)) throw;
    return std::nullopt;
  } catch (const artifacts::CorruptFile&) {
    return std::nullopt;
  }
}

std::string of_attempt(int attempt) {
  return " of attempt " + std::to_string(attempt);
}

}  // namespace

void Oracle::report(const std::string& what) {
  if (std::ranges::find(violations_, what) == violations_.end()) violations_.push_back(what);
}

void Oracle::begin_anew() {
  job_ = api_.object(kJob);
  pods_.clear();
  const auto pods = api_.objects(kPods);
  for (const json& pod : pods.items) pods_[text_at(pod, "/metadata/uid")] = {clock_.now(), pod};
  seen_ = pods.version;
  was_restored_ = true;
  deleted_by_user_ = false;
}

int Oracle::starts(int attempt) const {
  const auto found = started_.find(attempt);
  return found == started_.end() ? 0 : static_cast<int>(found->second.size());
}

int Oracle::starts_in_all() const {
  int all = 0;
  for (const auto& [attempt, uids] : started_) all += static_cast<int>(uids.size());
  return all;
}

void Oracle::note_start(int attempt, const std::string& pod_uid) {
  started_[attempt].push_back(pod_uid);
  if (started_[attempt].size() > 1) report("the application" + of_attempt(attempt) + " starts twice");
}

std::optional<artifacts::Claim> Oracle::claim_of(int attempt) const {
  return find_readable([&] { return store_.read_claim(tenant(), kJobId, attempt); });
}

bool Oracle::has_manifest(int attempt) const {
  return find_readable([&] { return store_.read_manifest(tenant(), kJobId, attempt); }).has_value();
}

bool Oracle::has_record() const {
  return find_readable([&] { return store_.read_status(tenant(), kJobId); }).has_value();
}

// --- What a controller is about to do.

void Oracle::about_to_send(const kube::Request& request) {
  const bool is_pod = request.target.starts_with(kPods);
  const json body = request.body.empty() ? json::object() : json::parse(request.body, nullptr, false);
  if (is_pod && request.method == "DELETE") {
    if (text_at(body, "/preconditions/uid").empty()) report("a pod is deleted without the precondition of its UID");
    return about_to_stop(request);
  }
  if (!request.target.starts_with(kJobs)) return;
  if ((request.method == "PUT" || request.method == "PATCH") && text_at(body, "/metadata/resourceVersion").empty()) {
    report("a Job is written without the precondition of its resourceVersion");
  }
  if (request.method == "DELETE" && text_at(body, "/preconditions/resourceVersion").empty()) {
    report("a Job is deleted without the precondition of its resourceVersion");
  }
}

void Oracle::about_to_stop(const kube::Request& request) {
  look();
  const json pod = api_.object(request.target.substr(0, request.target.find('?')));
  if (pod.is_null() || is_marked(pod) || has_ended(pod)) return;
  const json body = request.body.empty() ? json::object() : json::parse(request.body);
  const std::string uid = text_at(body, "/preconditions/uid");
  if (!uid.empty() && uid != text_at(pod, "/metadata/uid")) return;
  const int attempt = attempt_of(pod);
  if (!belongs_to(pod, job_) && !job_.is_null()) report("a pod is stopped that is not of the Job");
  if (cause_to_end(pod, attempt).empty())
    report("the healthy pod" + of_attempt(attempt) + " is stopped without a cause");
}

std::string Oracle::cause_to_end(const json& pod, int attempt) const {
  const std::string in_job = cause_in_job(job_, attempt);
  return in_job.empty() ? cause_in_pod(pod, attempt) : in_job;
}

std::string Oracle::cause_in_job(const json& job, int attempt) const {
  if (job.is_null()) return "there is no Job";
  const json status = status_of(job);
  if (is_marked(job)) return "the Job is being deleted";
  if (is_terminal(status)) return "the Job has ended";
  if (attempt < status.value("attempts", 0)) return "a later attempt has begun";
  if (job["spec"].value("cancel", false)) return "the Job is cancelled";
  if (is_past_deadline(job)) return "the deadline is over";
  return {};
}

std::string Oracle::cause_in_pod(const json& pod, int attempt) const {
  const auto claim = claim_of(attempt);
  const std::string uid = text_at(pod, "/metadata/uid");
  if (claim && (claim->by != artifacts::Claim::By::kRunner || claim->pod_uid != uid)) return "another has the claim";
  if (phase_of(pod) != "Pending") return {};
  if (text_at(pod, "/status/containerStatuses/0/state/waiting/reason") == "InvalidImageName") return "it cannot start";
  const auto seen = pods_.find(uid);
  if (seen == pods_.end()) return {};
  const auto waited = clock_.now() - seen->second.first + std::chrono::seconds(1);
  const bool overdue = std::ranges::any_of(start_deadlines_, [&](auto s) { return waited >= std::chrono::seconds(s); });
  return overdue ? "it did not start in time" : "";
}

bool Oracle::is_past_deadline(const json& job) const {
  const auto start = base::parse_rfc3339(text_at(job, "/status/startTime"));
  return start && std::ranges::any_of(deadlines_, [&](std::int64_t seconds) {
           return clock_.now() - *start >= std::chrono::seconds(seconds);
         });
}

void Oracle::about_to_close(int attempt) {
  look();
  if (claim_of(attempt)) return;  // no effect
  const json status = status_of(job_);
  // The first attempt may have begun before the status counts it.
  if (attempt > std::max(status.value("attempts", 0), 1) && !job_.is_null()) {
    return report("an attempt is closed that the Job does not have" + of_attempt(attempt));
  }
  if (!cause_in_job(job_, attempt).empty()) return;
  const json pod = api_.object(kPods + "/" + job::pod_name(kJobId, attempt));
  if (!pod.is_null() && belongs_to(pod, job_)) {
    if (is_marked(pod) || has_ended(pod) || !cause_in_pod(pod, attempt).empty()) return;
    return report("closed without a cause: the claim" + of_attempt(attempt) + ", whose pod is healthy");
  }
  const bool had_pod = std::ranges::any_of(pods_, [&](const auto& p) { return attempt_of(p.second.last) == attempt; });
  if (!had_pod && !refusals_ && !was_restored_) {
    report("closed without a cause: the claim" + of_attempt(attempt) + ", which had no pod yet");
  }
}

void Oracle::about_to_archive() {
  look();
  if (job_.is_null() || was_restored_ || is_terminal(status_of(job_))) return;
  report("status.json is written of a Job that has not ended");
}

void Oracle::about_to_purge() {
  look();
  if (!job_.is_null() && !is_marked(job_)) report("the folder of a Job is purged that is not being deleted");
  if (job_.is_null() && !deleted_by_user_ && !was_restored_)
    report("the folder of a Job is purged that nobody deleted");
}

// --- What happened.

void Oracle::look() {
  if (restores_ != api_.restores()) {
    restores_ = api_.restores();
    begin_anew();
  }
  const std::int64_t from = seen_;
  const std::int64_t now = api_.version();
  if (now == from) return;
  for (const auto& event : api_.events_since(kApplications, from)) note_application(event.object);
  for (const auto& event : api_.events_since(kPods, from)) {
    ++changes_;
    const auto slot = pods_.try_emplace(text_at(event.object, "/metadata/uid"), Seen{clock_.now(), {}}).first;
    slot->second.last = event.object;
  }
  judge_pods();
  for (const auto& event : api_.events_since(kJobs, from)) {
    ++changes_;
    if (event.object["metadata"]["name"] == kJobId) judge_job(event.type, event.object);
  }
  seen_ = now;
}

void Oracle::note_application(const json& application) {
  const json& spec = application["spec"];
  if (spec.contains("activeDeadlineSeconds")) deadlines_.insert(spec["activeDeadlineSeconds"].get<std::int64_t>());
  start_deadlines_.insert(spec.value("preRunningDeadlineSeconds", std::int64_t{3600}));
}

void Oracle::judge_pods() {
  std::map<int, int> alive;
  int running = 0;
  for (const json& pod : api_.objects(kPods).items) {
    if (!job_.is_null() && !belongs_to(pod, job_)) continue;
    if (!has_ended(pod)) ++alive[attempt_of(pod)];
    running += phase_of(pod) == "Running" ? 1 : 0;
  }
  for (const auto& [attempt, count] : alive) {
    if (count > 1) report("there are two pods" + of_attempt(attempt));
  }
  if (running > 1) report("two attempts run at once");
}

void Oracle::judge_job(const std::string& type, const json& job) {
  if (type == "DELETED") {
    judge_removal(job);
    job_ = nullptr;
    return;
  }
  const json before = std::exchange(job_, job);
  if (before.is_null() || before["metadata"]["uid"] != job["metadata"]["uid"]) {
    deleted_by_user_ = false;
    return;
  }
  judge_status(status_of(before), status_of(job));
  judge_finalizers(before, job);
}

void Oracle::judge_status(const json& before, const json& now) {
  if (before == now) return;
  if (rank_of(now) < rank_of(before)) report("the phase goes back");
  if (is_terminal(before)) return report("the status of an ended Job changes");
  const int attempts = before.value("attempts", 0);
  if (now.value("attempts", 0) < attempts) report("the number of attempts goes back");
  // The first attempt may be counted when it has ended.
  const bool counts_two = attempts == 0 && now.value("attempts", 0) == 2 && now.contains("attemptHistory");
  if (now.value("attempts", 0) > attempts + 1 && !was_restored_ && !counts_two) report("an attempt is left out");
  if (now.value("attempts", 0) > 0 && text_at(now, "/startTime").empty())
    report("a Job has begun and has no startTime");
  const bool leaves_attempt = now.value("attempts", 0) > attempts || is_terminal(now);
  if (attempts > 0 && leaves_attempt && !is_over(attempts)) {
    report("the Job goes on although its application may run or start: the pod" + of_attempt(attempts));
  }
  if (is_terminal(now)) judge_end(now);
}

// Whether nobody runs the application of an attempt, now or later. A pod that was told to stop and does not answer
// counts as gone.
bool Oracle::is_over(int attempt) const {
  const json pod = api_.object(kPods + "/" + job::pod_name(kJobId, attempt));
  if (pod.is_null() || !belongs_to(pod, job_) || has_ended(pod) || is_marked(pod)) return true;
  // A restored pod is said to run until its kubelet has told again that it ended.
  if (has_manifest(attempt)) return true;
  const auto claim = claim_of(attempt);
  return claim && !(claim->by == artifacts::Claim::By::kRunner && claim->pod_uid == text_at(pod, "/metadata/uid"));
}

void Oracle::judge_end(const json& now) {
  const std::string reason = now.value("reason", "");
  if (was_restored_) return;  // the record on the volume may know more than the Job
  if (reason == "Cancelled" && !job_["spec"].value("cancel", false)) report("cancelled without being asked to");
  if (reason == "DeadlineExceeded" && !is_past_deadline(job_)) report("the deadline is not over");
  if (now.value("phase", "") != "Finished") return;
  const int accepted = now.value("acceptedAttempt", 0);
  if (accepted == 0 || !has_manifest(accepted)) report("finished without an accepted manifest");
}

void Oracle::judge_removal(const json& job) {
  if (deleted_by_user_ || was_restored_) return;
  if (!is_terminal(status_of(job))) report("a Job is removed that has not ended");
  if (!has_record()) report("a Job is removed that has no record on the volume");
}

void Oracle::judge_finalizers(const json& before, const json& now) {
  const auto held = [](const json& job) {
    const json finalizers = job["metadata"].value("finalizers", json::array());
    return std::ranges::find(finalizers, json(job::kFinalizer)) != finalizers.end();
  };
  if (!held(before) || held(now) || is_marked(now)) return;
  if (!has_record()) report("the finalizer goes before the record is on the volume");
}

}  // namespace vbrain::controller::testing
