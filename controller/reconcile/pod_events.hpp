#pragma once

#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time/clock.hpp"
#include "controller/planning/pod_trouble.hpp"
#include "kube/api/api_client.hpp"

namespace vbrain::controller {

// Reads the events of pods that are late. The API server reads all events of the namespace for one such request,
// because it keeps no index of them. So there is one read at a time, and a pause after it: all reads together take at
// most a fifth of the time. If a volume or a network fails, all pods are late at once and have warnings: one read of
// the warnings of all pods answers for them together. Only a pod without a warning is read by itself. Thread-safe;
// blocks.
class PodEvents {
 public:
  PodEvents(kube::ApiClient& client, const base::Clock& clock) : client_(client), clock_(clock) {}

  struct Answer {
    std::optional<PodTrouble> trouble = {};
    // Set if nothing was read: the time until it is this caller's turn.
    std::optional<std::chrono::milliseconds> wait = {};
    bool failed = false;  // the API server refused or did not answer, so nothing new is known of the pod
  };

  // A missing right is logged once.
  Answer read(const std::string& namespace_name, const std::string& pod_uid, std::stop_token stop);

 private:
  struct Warnings {
    std::optional<base::SteadyPoint> read_at;
    std::unordered_map<std::string, PodTrouble> by_uid;
  };

  // The answer without a read, or nothing if this caller is to read.
  std::optional<Answer> answer_or_reserve(const std::string& key);
  // All pages. Nothing if the API server refuses or does not answer.
  std::optional<std::vector<nlohmann::json>> list(const std::string& namespace_name, const std::string& selector,
                                                  std::stop_token stop);
  Answer read_reserved(const std::string& namespace_name, const std::string& pod_uid, std::stop_token stop);
  void log_missing_right(const kube::Error& error);

  kube::ApiClient& client_;
  const base::Clock& clock_;
  std::mutex mutex_;
  Warnings warnings_;
  bool is_reading_ = false;
  base::SteadyPoint next_{};               // no read before this
  base::SteadyPoint turn_{};               // of who asks next and must wait
  base::SteadyPoint::duration between_{};  // from the beginning of the last read to that of the next one
  bool has_no_right_ = false;
};

}  // namespace vbrain::controller
