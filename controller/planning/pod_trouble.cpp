#include "controller/planning/pod_trouble.hpp"

#include <nlohmann/json.hpp>
#include <tuple>

#include "base/clock.hpp"
#include "controller/planning/outcome.hpp"
#include "controller/planning/scheduling.hpp"
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

}  // namespace

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
