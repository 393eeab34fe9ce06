#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/metrics.hpp"
#include "base/time/clock.hpp"
#include "controller/webhooks/callback_event.hpp"
#include "controller/webhooks/client_turns.hpp"
#include "http/client/allow_list.hpp"
#include "http/client/post.hpp"
#include "job/client.hpp"
#include "job/job.hpp"
#include "kube/api/api_client.hpp"
#include "kube/api/events.hpp"
#include "kube/cache/cache.hpp"
#include "kube/runtime/reconcile_loop.hpp"

namespace vbrain::controller {

// Name and only value of the index of Jobs whose receivers may have to be told.
inline constexpr const char* kJobsByCallback = "callback";
inline constexpr const char* kCallbackOpen = "open";
std::vector<std::string> callback_index(const job::Job& job);

// How many calls are made at the same time to one receiver of a tenant, to all of a tenant, and at all.
inline constexpr std::size_t kTellsPerReceiver = 2;
inline constexpr std::size_t kTellsPerTenant = 3;
inline constexpr std::size_t kTells = 12;
// For one try, and for the end of a job to be on the volume, where REST looks for it.
inline constexpr std::chrono::milliseconds kTellPatience{10'000};

// Tells the receivers of jobs what becomes of them (docs/decisions/0044). The caller's queue has the names of Jobs, and
// gives one job to one thread at a time, so that its events stay in order. The result is a condition of the Job, which
// is all that outlives the process: a new leader begins again with those Jobs that lack it, however long ago they have
// ended, and tries each at least once. For one term; thread-safe.
class Deliverer {
 public:
  struct Parts {
    kube::ApiClient& client;
    kube::EventRecorder& events;
    const kube::Cache<job::Job>& jobs;
    const kube::Cache<job::Client>& clients;
    base::Metrics& metrics;
    const base::Clock& clock;
    const http::AllowList& allowed;
    // The text of a Client's secret, by metadata.name.
    std::function<Result<std::string, std::string>(const std::string& client)> secret_of;
    std::function<Result<int, http::NoAnswer>(const http::Post& post, std::stop_token stop)> send;
    // The record of the job's end is on the volume.
    std::function<bool(const std::string& job)> is_recorded;
    std::function<void(const std::string& job)> wake;
    std::function<bool()> may_write = [] { return true; };
  };

  explicit Deliverer(Parts parts);
  ~Deliverer();

  kube::ReconcileResult reconcile(const std::string& job, std::stop_token stop);

 private:
  // Why a try failed, for the condition, the event, the log and the metric.
  struct Trouble {
    std::string reason;  // a word
    std::string detail;
    std::string remedy;
    bool final = false;
  };
  // What is known of one job in this term.
  struct State {
    std::string uid{};
    std::string event_id{};
    unsigned tries = 0;
    std::optional<base::TimePoint> since{};  // the end was to be told first, in this term
    base::SteadyPoint next{};
    bool told = false;                        // the event was taken
    bool refused = false;                     // 410: no more events of this job
    std::string reason{};                     // that the condition has
    std::optional<kube::Condition> result{};  // to be written
    std::string last{};                       // why the last try failed
    bool warned = false;
  };

  class Turn;

  kube::ReconcileResult look(const std::string& name, std::stop_token stop);
  kube::ReconcileResult tell(const job::Job& job, const CallbackEvent& event, State state, std::stop_token stop);
  std::optional<Trouble> try_once(const job::Job& job, const CallbackEvent& event, std::stop_token stop);
  Result<std::vector<std::string>, Trouble> keys_of(const job::Job& job) const;
  static base::TimePoint since_of(const job::Job& job, const State& state);
  bool is_over(const job::Job& job, const State& state) const;
  kube::ReconcileResult after_failure(const job::Job& job, const CallbackEvent& event, State state, Trouble trouble,
                                      std::stop_token stop);
  kube::ReconcileResult conclude(const job::Job& job, State state, std::stop_token stop);
  bool write(const job::Job& job, const kube::Condition& condition, std::stop_token stop);
  kube::Condition condition(const char* status, std::string reason, std::string message) const;
  void warn(const job::Job& job, const kube::Condition& condition);

  static bool is_waiting(const State& state) { return state.tries > 0 && !state.told && !state.result; }
  State state_of(const job::Job& job, const std::string& event_id);
  void keep(const std::string& name, State state);
  void forget(const std::string& name);

  const Parts parts_;
  ClientTurns turns_{kTellsPerTenant, kTellsPerReceiver};
  prometheus::Gauge& waiting_;
  prometheus::Counter& delivered_;
  std::mutex mutex_;
  std::minstd_rand random_;
  std::unordered_map<std::string, State> states_;
  int waiting_count_ = 0;  // of states_
};

}  // namespace vbrain::controller
