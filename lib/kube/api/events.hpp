#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/metrics.hpp"
#include "base/time/clock.hpp"
#include "kube/api/api_client.hpp"
#include "kube/api/object.hpp"

namespace vbrain::kube {

inline constexpr ResourceType kEventType{"events.k8s.io", "v1", "events", "Event"};

// The object that an event describes.
struct ObjectReference {
  std::string api_version;
  std::string kind;
  std::string namespace_name;
  std::string name;
  std::string uid;
  std::string resource_version = {};
};

ObjectReference reference_to(const ResourceType& type, const ObjectMeta& meta);

enum class EventKind { kNormal, kWarning };

struct EventOptions {
  std::string controller = "vbrain.visagio.com/controller";  // reportingController
  std::string instance;                                      // reportingInstance: the pod's name
  std::size_t max_queued = 1'000;
  // Events that are written at the same time. More than one, so that failures of many jobs are told soon although the
  // API server takes its time; few, because nobody waits for events.
  std::size_t writers = 4;
  // How many Normal events may be written: so many at once, and one more each `normal_interval`. Each costs the API
  // server about a tenth of what a job costs it, so that a burst of jobs would be slower only because of its events.
  int normal_burst = 100;
  std::chrono::milliseconds normal_interval{200};
  std::size_t max_remembered = 4'096;               // events that are recognized when they occur again
  std::chrono::milliseconds series_period{60'000};  // the least time between two updates of one event
  // An event that the API server can't take now (429, 503, no answer) is tried again after this time, then after twice
  // that time and so on, `max_tries` times in all.
  std::chrono::milliseconds retry_delay{500};
  int max_tries = 5;
};

// Writes events.k8s.io/v1 Events on its own threads: those of one object one after the other. record() never blocks and
// never fails: if `max_queued` events wait, the new one is dropped and counted (vbrain_events_dropped_total). Normal
// events may use half of the queue, so that many of them push out no warning; those above EventOptions::normal_burst
// are left out and counted (vbrain_events_limited_total). An event that the API server refuses, or can't take for some
// seconds, is logged and dropped. If the same event (object, kind, reason, note) occurs again, the `series` of the
// first one counts it. If somebody else has changed the first one, a new event is created.
class EventRecorder {
 public:
  // The referenced objects must outlive the recorder.
  EventRecorder(ApiClient& client, EventOptions options, base::Metrics& metrics, const base::Clock& clock);
  // Writes the queued events for at most 2 s, then stops.
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  // `reason` is one word in CamelCase of at most 128 bytes. `note` is cut to 1,024 bytes. `action` is one word for what
  // was done or tried ("Start", "Finish"). Thread-safe.
  void record(const ObjectReference& about, EventKind kind, std::string_view reason, std::string_view note,
              std::string_view action);

  // Waits until no event is queued. For tests.
  void flush();
  // Waits for at most `patience`, then drops and counts the remaining events. Called at the end of a leader's term,
  // since a controller writes events only while it is the leader.
  void flush_or_drop(std::chrono::milliseconds patience);

 private:
  struct Event;
  struct Remembered;

  void work(std::stop_token stop);
  std::list<Event>::iterator next_locked();
  bool is_idle_locked() const { return queue_.empty() && writing_.empty(); }
  // Each returns why the event was not written, or nothing.
  std::optional<Error> write(const Event& event, std::stop_token stop);
  std::optional<Error> create(const Event& event, const std::string& key, std::stop_token stop);
  std::optional<Error> repeat(const Event& event, Remembered known, std::stop_token stop);
  std::optional<Remembered> recall(const std::string& key);
  void remember(Remembered event);
  void forget(const std::string& key);
  bool has_token_locked();
  // How long to wait before the next try; nothing: there is none, and the event is counted as lost.
  std::optional<std::chrono::milliseconds> delay_after(const Event& event, const Error& error);

  ApiClient& client_;
  const EventOptions options_;
  const base::Clock& clock_;
  prometheus::Counter& dropped_;
  prometheus::Counter& limited_;
  prometheus::Counter& refused_;
  std::mutex mutex_;
  std::condition_variable_any queued_;
  std::condition_variable idle_;
  std::list<Event> queue_;
  base::SteadyPoint tokens_full_at_{};  // when `normal_burst` Normal events may be written at once again
  std::set<std::string> writing_;       // UIDs of the objects of which an event is being written
  std::size_t pausing_ = 0;             // writers that wait because the API server could not take an event
  bool failing_ = false;                // it could not take the last one: a single writer tries until it takes one
  std::list<Remembered> order_;         // most recent first
  std::unordered_map<std::string, std::list<Remembered>::iterator> known_;
  std::vector<std::jthread> threads_;
};

}  // namespace vbrain::kube
