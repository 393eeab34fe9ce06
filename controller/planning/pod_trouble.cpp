#include "controller/planning/pod_trouble.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/time/clock.hpp"
#include "controller/planning/outcome.hpp"
#include "controller/planning/wording.hpp"
#include "job/causes.hpp"
#include "kube/api/object.hpp"

namespace vbrain::controller {
namespace {

using kube::member_or_null;
using kube::text_or_empty;
using nlohmann::json;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// When an event occurred last. Components write different fields: those of events.k8s.io a series or eventTime, the
// kubelet the deprecated ones of core/v1.
base::TimePoint last_time_of(const json& event) {
  base::TimePoint last{};
  for (const std::string& text : {text_or_empty(member_or_null(event, "series"), "lastObservedTime"),
                                  text_or_empty(event, "deprecatedLastTimestamp"), text_or_empty(event, "eventTime"),
                                  kube::meta_text(event, "creationTimestamp")}) {
    const auto time = base::parse_rfc3339(text);
    if (time) last = std::max(last, *time);
  }
  return last;
}

// The kubelet runs mount(8) in a systemd scope, and quotes systemd-run's line about it. The scope has another name at
// each try ("Running scope as unit: run-r0a1b.scope"; since systemd 254 "Running as unit: …; invocation ID: …").
std::string without_unit(std::string note) {
  for (const std::string_view words : {"Running scope as unit: ", "Running as unit: "}) {
    const std::size_t begin = note.find(words);
    if (begin == std::string::npos) continue;
    const std::size_t end = note.find('\n', begin);
    note.erase(begin, end == std::string::npos ? end : end + 1 - begin);
  }
  return note;
}

std::string reason_of(const std::string& reason, const std::string& note) {
  if (reason == "FailedScheduling") return std::string(never_fits(note) ? kNoNodeFitsReason : kUnschedulableReason);
  // The kubelet uses one word for all containers that it can't create, and for images.
  const bool is_image = note.find("mage") != std::string::npos;  // "image", and "ErrImagePull" itself
  if (reason == "Failed") return is_image ? "ErrImagePull" : "CreateContainerError";
  if (reason == "BackOff") return is_image ? "ImagePullBackOff" : "CrashLoopBackOff";
  return clean_reason(reason, "Waiting");
}

// Whether a job that has started may wait for it, by the table of causes.
bool is_cause_of_wait(std::string_view reason) {
  const job::Cause* cause = job::find_cause(reason);
  return cause != nullptr && contains(cause->phases, "Started");
}

// The kubelet's warnings that hold up nothing.
bool is_remark(std::string_view reason) {
  constexpr std::array<std::string_view, 4> kRemarks = {"DNSConfigForming", "FailedToRetrieveImagePullSecret",
                                                        "Unhealthy", "CheckLimitsForResolvConf"};
  return std::ranges::find(kRemarks, reason) != kRemarks.end();
}

// The newest of several events. Of two of the same second, the warning, else the later one in the list.
struct Newest {
  std::tuple<base::TimePoint, bool> key{};
  std::optional<PodTrouble> trouble;

  void take(std::tuple<base::TimePoint, bool> other, std::optional<PodTrouble> its_trouble) {
    if (other < key) return;
    key = other;
    trouble = std::move(its_trouble);
  }
};

constexpr std::string_view kHead = " nodes are available: ";
constexpr std::string_view kVictims = "No preemption victims found";
constexpr std::string_view kNotHelpful = "Preemption is not helpful";

// Kubernetes, cloud providers, network plugins and autoscalers set these on nodes that are not ready yet, cordoned,
// short of something or about to go.
bool is_passing_taint(std::string_view reason) {
  constexpr std::array<std::string_view, 9> kPassing = {"node.kubernetes.io/", "node.cloudprovider.kubernetes.io/",
                                                        "ClusterAutoscaler",   "karpenter.sh/",
                                                        "not-ready",           "notReady",
                                                        "uninitialized",       "startup",
                                                        "unregistered"};
  return std::ranges::any_of(kPassing, [&](std::string_view part) { return contains(reason, part); });
}

// One reason of a node, without its number of nodes.
bool is_lasting(std::string_view reason, bool preemption_may_help) {
  // A node that is full could be emptied by preemption, one that is too small could not.
  if (reason.starts_with("Insufficient ")) return !preemption_may_help;
  if (contains(reason, "taint")) return !is_passing_taint(reason);
  constexpr std::array<std::string_view, 3> kLasting = {"didn't match Pod's node affinity/selector",
                                                        "had volume node affinity conflict",
                                                        "didn't match the requested node name"};
  return std::ranges::any_of(kLasting, [&](std::string_view words) { return contains(reason, words); });
}

}  // namespace

bool never_fits(std::string_view message) {
  const auto head = message.find(kHead);
  if (!message.starts_with("0/") || message.starts_with("0/0 ") || head == std::string_view::npos) return false;
  const bool knows = contains(message, kNotHelpful);
  const bool preemption_may_help = !knows || contains(message, kVictims);
  std::string_view reasons = message.substr(head + kHead.size());
  reasons = reasons.substr(0, reasons.find(". "));
  if (reasons.ends_with('.')) reasons.remove_suffix(1);
  while (!reasons.empty()) {
    // The text of a taint may hold a comma, but no comma followed by a number of nodes.
    std::size_t end = reasons.find(", ");
    while (end != std::string_view::npos &&
           (end + 2 >= reasons.size() || reasons[end + 2] < '0' || reasons[end + 2] > '9')) {
      end = reasons.find(", ", end + 2);
    }
    std::string_view reason = reasons.substr(0, end);
    reason.remove_prefix(std::min(reason.find(' ') + 1, reason.size()));
    if (!is_lasting(reason, preemption_may_help)) return false;
    reasons.remove_prefix(end == std::string_view::npos ? reasons.size() : end + 2);
  }
  return true;
}

std::optional<PodTrouble> trouble_of_events(const json& list, base::TimePoint since) {
  Newest normal;  // progress of the pod, and known causes
  Newest other;   // warnings that vBrain does not know
  for (const json& event : member_or_null(list, "items")) {
    const base::TimePoint time = std::chrono::floor<std::chrono::seconds>(last_time_of(event));
    if (time < since) continue;
    const bool warning = text_or_empty(event, "type") == "Warning";
    std::string reason = text_or_empty(event, "reason");
    const std::string note = clean_message(without_unit(text_or_empty(event, "note")));
    if (warning) reason = reason_of(reason, note);
    const bool is_cause = warning ? is_cause_of_wait(reason) : reason == "Pulling";
    Newest& newest = warning && !is_cause ? other : normal;
    newest.take(std::tuple(time, warning),
                is_cause || warning ? std::optional(PodTrouble{std::move(reason), note}) : std::nullopt);
  }
  if (normal.trouble) return normal.trouble;
  // A warning that is no known cause may be any remark. It counts if the pod has made no progress since.
  return !other.trouble || is_remark(other.trouble->reason) || other.key < normal.key ? std::nullopt : other.trouble;
}

}  // namespace vbrain::controller
