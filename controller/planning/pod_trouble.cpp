#include "controller/planning/pod_trouble.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/clock.hpp"
#include "controller/planning/outcome.hpp"
#include "controller/planning/wording.hpp"
#include "kube/api/object.hpp"

namespace vbrain::controller {
namespace {

using kube::member_or_null;
using kube::text_or_empty;
using nlohmann::json;

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

std::string reason_of(const std::string& reason, const std::string& note) {
  if (reason == "FailedScheduling") return std::string(never_fits(note) ? kNoNodeFitsReason : kUnschedulableReason);
  // The kubelet uses one word for all containers that it can't create, and for images.
  if (reason == "Failed") return note.find("image") != std::string::npos ? "ErrImagePull" : "CreateContainerError";
  if (reason == "BackOff") return note.find("image") != std::string::npos ? "ImagePullBackOff" : "CrashLoopBackOff";
  return clean_reason(reason, "Waiting");
}

constexpr std::string_view kHead = " nodes are available: ";
constexpr std::string_view kVictims = "No preemption victims found";
constexpr std::string_view kNotHelpful = "Preemption is not helpful";

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// One reason of a node, without its number of nodes.
bool is_lasting(std::string_view reason, bool preemption_may_help) {
  // A node that is full could be emptied by preemption, one that is too small could not.
  if (reason.starts_with("Insufficient ")) return !preemption_may_help;
  // Kubernetes sets these on nodes that are not ready, cordoned or short of something.
  if (contains(reason, "taint")) return !contains(reason, "node.kubernetes.io/");
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

std::optional<PodTrouble> trouble_of_events(const json& list) {
  const json* newest = nullptr;
  std::tuple<base::TimePoint, bool> of_newest{};
  for (const json& event : member_or_null(list, "items")) {
    const auto key = std::tuple(std::chrono::floor<std::chrono::seconds>(last_time_of(event)),
                                text_or_empty(event, "type") == "Warning");
    if (newest != nullptr && key < of_newest) continue;
    newest = &event;
    of_newest = key;
  }
  if (newest == nullptr) return std::nullopt;
  const std::string reason = text_or_empty(*newest, "reason");
  const std::string note = clean_message(text_or_empty(*newest, "note"));
  if (std::get<1>(of_newest)) return PodTrouble{reason_of(reason, note), note};
  if (reason == "Pulling") return PodTrouble{reason, note};
  return std::nullopt;
}

}  // namespace vbrain::controller
