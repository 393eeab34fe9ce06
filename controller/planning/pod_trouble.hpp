#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/time/clock.hpp"

namespace vbrain::controller {

// Why a pod does not start, as only its events say: a volume, a network or an image that its node waits for.
struct PodTrouble {
  std::string reason;  // a word, as status.reason
  std::string message;

  bool operator==(const PodTrouble&) const = default;
};

// Reads a list of the events (events.k8s.io/v1) of one pod. The newest event counts, because an older one may be over;
// of two of the same second, the warning. Warnings that are not in the table of causes count only after all others, and
// some not at all. Events that occurred last before `since` do not count. Nothing if the newest one is no trouble.
// Pure; takes any JSON.
std::optional<PodTrouble> trouble_of_events(const nlohmann::json& list, base::TimePoint since = {});

// Whether the scheduler's message says that no node of the cluster can ever run the pod: every node lacks a label, has
// a taint that an operator set, or is smaller than the request. False if a node may fit later (it is full, cordoned or
// not ready), and for a text of another form. The form is that of kube-scheduler's FitError (pkg/scheduler/framework):
// "0/3 nodes are available: 2 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/3
// nodes are available: 3 Preemption is not helpful for scheduling." Schedulers before Kubernetes 1.33 do not tell a
// node that is full from one that is too small. Pure.
bool never_fits(std::string_view scheduler_message);

}  // namespace vbrain::controller
