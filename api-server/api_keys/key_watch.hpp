#pragma once

#include <atomic>
#include <chrono>
#include <stop_token>
#include <string>
#include <thread>

#include "api-server/api_keys/last_uses.hpp"
#include "api-server/auth/auth.hpp"
#include "base/metrics.hpp"
#include "base/time/clock.hpp"
#include "kube/api/api_client.hpp"
#include "kube/cache/informer.hpp"

namespace vbrain::api {

// What an answer to the first list of Keys says; kStarting: nothing, ask again. Pure.
KeysState state_of_list(const kube::KubeResult<nlohmann::json>& answer);

// Tests shorten them.
struct KeyWatchPeriods {
  std::chrono::milliseconds ask_again{1'000};    // while the API server has not answered a first list
  std::chrono::milliseconds look_again{30'000};  // while it does not know the kind, or forbids it
  std::chrono::milliseconds write{20'000};       // a use is in the status after this time, if there are few
};

// Keeps the cache of Keys equal to those of the API server, and writes when they were used. The server also runs on a
// cluster whose definitions or Roles are older than it: then it has no Keys, says why in the log, once, and looks again
// every half a minute. Thread-safe.
class KeyWatch {
 public:
  // The referenced objects must outlive it.
  KeyWatch(kube::Transport& transport, kube::ApiClient& client, std::string namespace_name, base::Metrics& metrics,
           const base::Clock& clock, KeyWatchPeriods periods = {});
  ~KeyWatch() { stop(); }

  // Call once.
  void start();
  // Writes the uses that are left, if the API server takes them, and ends the threads. Idempotent.
  void stop();

  const kube::Cache<job::Key>& store() const { return informer_.store(); }
  KeysState state() const;
  LastUses& uses() { return uses_; }

 private:
  void run(std::stop_token stop);
  bool begin(std::stop_token stop);
  void write(std::stop_token stop);

  kube::ApiClient& client_;
  const std::string namespace_name_;
  const base::Clock& clock_;
  const KeyWatchPeriods periods_;
  LastUses uses_;
  kube::Informer<job::Key> informer_;
  std::atomic<KeysState> before_{KeysState::kStarting};  // until the informer is started; then kKnown
  bool failing_ = false;                                 // the last write; only run() uses it
  std::jthread thread_;
};

}  // namespace vbrain::api
