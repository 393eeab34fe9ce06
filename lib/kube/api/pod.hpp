#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time/clock.hpp"
#include "kube/api/object.hpp"

namespace vbrain::kube {

// core/v1 ContainerStateTerminated.
struct ContainerTerminated {
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  std::string reason;   // Completed, Error, OOMKilled, ContainerCannotRun, ...
  std::string message;  // the termination message as the container wrote it; do not trust it
  std::optional<base::TimePoint> started_at;
  std::optional<base::TimePoint> finished_at;
};

// The part of core/v1 ContainerStatus that the rules need. At most one of waiting, running and terminated is set.
struct ContainerStatus {
  std::string name;
  std::string image;
  std::int32_t restart_count = 0;
  bool waiting = false;
  std::string waiting_reason;  // ImagePullBackOff, CreateContainerConfigError, ...
  std::string waiting_message;
  std::optional<base::TimePoint> running_since;
  std::optional<ContainerTerminated> terminated;
  std::optional<ContainerTerminated> last_terminated;  // lastState: the end before a restart
};

// core/v1 PodCondition.
struct PodCondition {
  std::string type;
  std::string status;
  std::string reason;
  std::string message;
};

// The part of a pod that the rules need. A cache may keep 10,000 pods.
struct Pod {
  ObjectMeta meta;
  std::string phase;   // Pending, Running, Succeeded, Failed, Unknown
  std::string reason;  // Evicted, NodeLost, ...
  std::string message;
  std::string node_name;
  std::optional<base::TimePoint> start_time;
  std::vector<ContainerStatus> containers;
  std::vector<ContainerStatus> init_containers;
  std::vector<PodCondition> conditions;  // PodScheduled, Initialized, DisruptionTarget, Ready

  // Null if the kubelet has not reported it.
  const ContainerStatus* container(std::string_view name) const;
  const PodCondition* condition(std::string_view type) const;

  static const ResourceType kType;
  static Pod decode(const nlohmann::json& object);  // throws DecodeError
};

}  // namespace vbrain::kube
