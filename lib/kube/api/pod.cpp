#include "kube/api/pod.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vbrain::kube {
namespace {

using nlohmann::json;

ContainerTerminated decode_terminated(const json& source) {
  ContainerTerminated terminated;
  terminated.exit_code = static_cast<std::int32_t>(get_int(source, "exitCode"));
  terminated.signal = static_cast<std::int32_t>(get_int(source, "signal"));
  terminated.reason = get_string(source, "reason");
  terminated.message = get_string(source, "message");
  terminated.started_at = get_time(source, "startedAt");
  terminated.finished_at = get_time(source, "finishedAt");
  return terminated;
}

ContainerStatus decode_container(const json& source) {
  ContainerStatus status;
  status.name = get_string(source, "name");
  status.image = get_string(source, "image");
  status.restart_count = static_cast<std::int32_t>(get_int(source, "restartCount"));
  if (const json* state = find_member(source, "state")) {
    if (const json* waiting = find_member(*state, "waiting")) {
      status.waiting = true;
      status.waiting_reason = get_string(*waiting, "reason");
      status.waiting_message = get_string(*waiting, "message");
    }
    if (const json* running = find_member(*state, "running")) {
      status.running_since = get_time(*running, "startedAt").value_or(base::TimePoint{});
    }
    if (const json* terminated = find_member(*state, "terminated")) {
      status.terminated = decode_terminated(*terminated);
    }
  }
  if (const json* last = find_member(source, "lastState")) {
    if (const json* terminated = find_member(*last, "terminated")) {
      status.last_terminated = decode_terminated(*terminated);
    }
  }
  return status;
}

PodCondition decode_pod_condition(const json& source) {
  return {get_string(source, "type"), get_string(source, "status"), get_string(source, "reason"),
          get_string(source, "message")};
}

template <class T>
std::vector<T> decode_list(const json& source, std::string_view key, T (*decode)(const json&)) {
  std::vector<T> values;
  const json* list = find_member(source, key);
  if (list == nullptr) return values;
  if (!list->is_array()) throw DecodeError("field '" + std::string(key) + "' is not a list");
  values.reserve(list->size());
  for (const json& value : *list) values.push_back(decode(value));
  return values;
}

bool is_of_interest(const PodCondition& condition) {
  return condition.type == "PodScheduled" || condition.type == "DisruptionTarget" || condition.type == "Ready" ||
         condition.type == "Initialized";
}

}  // namespace

const ResourceType Pod::kType{"", "v1", "pods", "Pod", "nodeName"};

const ContainerStatus* Pod::container(std::string_view name) const {
  const auto found = std::ranges::find(containers, name, &ContainerStatus::name);
  return found == containers.end() ? nullptr : &*found;
}

const PodCondition* Pod::condition(std::string_view type) const {
  const auto found = std::ranges::find(conditions, type, &PodCondition::type);
  return found == conditions.end() ? nullptr : &*found;
}

Pod Pod::decode(const json& object) {
  Pod pod;
  pod.meta = decode_meta(object);
  if (const json* spec = find_member(object, "spec")) pod.node_name = get_string(*spec, "nodeName");
  const json* status = find_member(object, "status");
  if (status == nullptr) return pod;
  pod.phase = get_string(*status, "phase");
  pod.reason = get_string(*status, "reason");
  pod.message = get_string(*status, "message");
  pod.start_time = get_time(*status, "startTime");
  pod.containers = decode_list(*status, "containerStatuses", &decode_container);
  pod.init_containers = decode_list(*status, "initContainerStatuses", &decode_container);
  pod.conditions = decode_list(*status, "conditions", &decode_pod_condition);
  std::erase_if(pod.conditions, [](const PodCondition& condition) { return !is_of_interest(condition); });
  pod.conditions.shrink_to_fit();
  return pod;
}

}  // namespace vbrain::kube
