#include "unit/controller/world/node.hpp"

#include <set>
#include <utility>

#include "artifacts/records/claim.hpp"
#include "artifacts/records/manifest.hpp"
#include "unit/controller/world/paths.hpp"
#include "unit/controller/world/wrong_kind.hpp"

namespace vbrain::controller::testing {
namespace {

using nlohmann::json;
using Kind = Behaviour::Kind;

int attempt_of(const json& pod) {
  return std::stoi(pod["metadata"]["labels"]["vbrain.visagio.com/attempt"].get<std::string>());
}

std::string uid_of(const json& pod) {
  return pod["metadata"]["uid"];
}

bool is_marked(const json& pod) {
  return pod["metadata"].contains("deletionTimestamp");
}

json main_container(const json& state) {
  return json::array({{{"name", "main"}, {"image", "x"}, {"restartCount", 0}, {"state", state}}});
}

void set_ended(json& pod, int exit_code, const artifacts::Outcome& outcome) {
  const json end = {{"exitCode", exit_code},
                    {"reason", exit_code == 0 ? "Completed" : "Error"},
                    {"message", artifacts::encode_outcome(outcome)}};
  pod["status"]["phase"] = exit_code == 0 ? "Succeeded" : "Failed";
  pod["status"]["containerStatuses"] = main_container({{"terminated", end}});
}

}  // namespace

Behaviour Node::behaviour_of(int attempt) const {
  const auto found = behaviours_.find(attempt);
  return found == behaviours_.end() ? Behaviour{} : found->second;
}

void Node::work() {
  move_pods([] { return true; });
}

void Node::work_slowly(Random& random) {
  move_pods([&] { return random.once_in(2); });
}

void Node::move_pods(const std::function<bool()>& moves) {
  const bool has_job = !parts_.api.object(kJob).is_null();
  const auto pods = parts_.api.objects(kPods).items;
  forget_removed_pods(pods);
  for (const json& pod : pods) {
    if (!has_job) {
      remove(pod);
    } else if (moves()) {
      try {
        move(pod);
      } catch (const artifacts::VolumeError& error) {
        if (!is_wrong_kind(error)) throw;
        fail(pod);
      }
    }
  }
  parts_.oracle.look();
}

// A pod that the API server does not have any more is killed.
void Node::forget_removed_pods(const std::vector<json>& pods) {
  std::set<std::string> there;
  for (const json& pod : pods) there.insert(uid_of(pod));
  std::erase_if(status_, [&](const auto& item) { return !there.contains(item.first); });
}

void Node::report_status(const json& pod) {
  status_[uid_of(pod)] = pod["status"];
  parts_.api.put(kPods, pod);
}

void Node::remove(const json& pod) {
  parts_.api.erase(kPods + "/" + pod["metadata"]["name"].get<std::string>());
}

// The runner can't read or write its folder.
void Node::fail(json pod) {
  set_ended(pod, 122, an_outcome(artifacts::Outcome::Kind::kSealFailed));
  report_status(pod);
}

// The next move of a pod: it starts, or ends, or goes.
void Node::move(json pod) {
  if (const auto known = status_.find(uid_of(pod));
      known != status_.end() && known->second != pod.value("status", json())) {
    pod["status"] = known->second;
    return parts_.api.put(kPods, pod);
  }
  const std::string phase = pod.value("status", json::object()).value("phase", "Pending");
  if (phase == "Succeeded" || phase == "Failed") {
    if (is_marked(pod)) remove(pod);
  } else if (phase == "Running") {
    go_on(pod);
  } else if (is_marked(pod)) {
    remove(pod);
  } else {
    start(pod);
  }
}

void Node::start(json& pod) {
  const int attempt = attempt_of(pod);
  pod["spec"]["nodeName"] = "node1";
  if (behaviour_of(attempt).kind == Kind::kNeverStarts) return;
  if (behaviour_of(attempt).kind == Kind::kImageMissing) {
    const json state =
        main_container({{"waiting", {{"reason", "InvalidImageName"}, {"message", "couldn't parse image"}}}});
    if (pod.value("status", json::object()).value("containerStatuses", json()) == state) return;
    pod["status"] = {{"phase", "Pending"}, {"containerStatuses", state}};
    return report_status(pod);
  }
  // Without its folder the container can't be made: the kubelet does not find what it shall mount.
  const auto folder = parts_.store.root().sub(artifacts::layout::attempt(tenant(), kJobId, attempt));
  if (!folder) return;
  const auto claim = artifacts::take_claim(*folder, {artifacts::Claim::By::kRunner, uid_of(pod), parts_.clock.now()});
  if (!claim.won) {
    set_ended(pod, 121, an_outcome(artifacts::Outcome::Kind::kClaimLost));
    return report_status(pod);
  }
  parts_.oracle.note_start(attempt, uid_of(pod));
  pod["status"] = {{"phase", "Running"},
                   {"containerStatuses", main_container({{"running", {{"startedAt", "2026-01-01T00:00:00Z"}}}})}};
  report_status(pod);
  if (auto act = when_running_.extract(attempt)) act.mapped()();
}

void Node::go_on(json& pod) {
  const Behaviour behaviour = behaviour_of(attempt_of(pod));
  const bool stopping = is_marked(pod);
  if (!stopping && (behaviour.kind == Kind::kRunsUntilStopped || moves_[uid_of(pod)]++ < behaviour.runs_for)) return;
  if (behaviour.kind != Kind::kEvicted) return run_out(pod, stopping ? 143 : behaviour.exit_code);
  pod["status"] = {{"phase", "Failed"},
                   {"reason", "Evicted"},
                   {"conditions", json::array({{{"type", "DisruptionTarget"}, {"status", "True"}}})}};
  report_status(pod);
}

// The application ends, and its runner leaves a manifest.
void Node::run_out(json& pod, int exit_code) {
  artifacts::Manifest manifest;
  manifest.outcome =
      an_outcome(exit_code == 0 ? artifacts::Outcome::Kind::kOk : artifacts::Outcome::Kind::kExit, exit_code);
  manifest.pod_uid = uid_of(pod);
  if (const auto folder = parts_.store.root().sub(artifacts::layout::attempt(tenant(), kJobId, attempt_of(pod)))) {
    folder->write_file_durably(artifacts::layout::kManifest, artifacts::encode_manifest(manifest));
  }
  set_ended(pod, exit_code, manifest.outcome);
  report_status(pod);
}

}  // namespace vbrain::controller::testing
