#pragma once

#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "base/clock.hpp"
#include "controller/planning/pod_trouble.hpp"
#include "kube/api/api_client.hpp"

namespace vbrain::controller {

// Reads the events of pods that are late. The API server reads all events of the namespace for one such request,
// because it keeps no index of them. So a read that took long delays the next one: all reads together take at most a
// fifth of the time. Thread-safe; blocks.
class PodEvents {
 public:
  PodEvents(kube::ApiClient& client, const base::Clock& clock) : client_(client), clock_(clock) {}

  struct Answer {
    std::optional<PodTrouble> trouble;
    // Set if nothing was read: the time until the next read is allowed.
    std::optional<std::chrono::milliseconds> wait;
  };

  // An API server that refuses or does not answer is no trouble of the pod: nothing is known then. A missing right is
  // logged once.
  Answer read(const std::string& namespace_name, const std::string& pod_uid, std::stop_token stop);

 private:
  kube::ApiClient& client_;
  const base::Clock& clock_;
  std::mutex mutex_;
  base::SteadyPoint next_{};
  bool has_no_right_ = false;
};

}  // namespace vbrain::controller
