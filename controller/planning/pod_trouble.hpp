#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace vbrain::controller {

// Why a pod does not start, as only its events say: a volume, a network or an image that its node waits for.
struct PodTrouble {
  std::string reason;  // a word, as status.reason
  std::string message;

  bool operator==(const PodTrouble&) const = default;
};

// Reads a list of the events (events.k8s.io/v1) of one pod. The newest event counts, because an older one may be over;
// of two of the same second, the warning. Nothing if the newest one is no trouble. Pure; takes any JSON.
std::optional<PodTrouble> trouble_of_events(const nlohmann::json& list);

}  // namespace vbrain::controller
