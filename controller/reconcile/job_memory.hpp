#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/time/clock.hpp"
#include "controller/planning/snapshot.hpp"
#include "job/job.hpp"
#include "kube/api/pod.hpp"

namespace vbrain::controller {

// Knowledge that the caches lack: own writes until the watch shows them, deleted pods, and since when a state has
// lasted. With an empty memory (a new leader) every decision is still correct; it only costs an additional conflict or
// read of the volume. Thread-safe. One entry per Job in the caches.
class JobMemory {
 public:
  // The newest known version of a job: `cached`, or a later answer of the API server. Creates the entry; a new UID
  // resets it.
  job::Job newest(const job::Job& cached);
  void forget(const std::string& job);

  // The API server answered with `job`, to a write or a read.
  void note_newest(const job::Job& job, base::SteadyPoint now);
  // The API server does not have the last write (any more): use the caches again.
  void forget_writes(const std::string& job);
  // How long the caches have been older than the API server's answer; nothing if they are not.
  std::optional<std::chrono::milliseconds> unseen_write_for(const std::string& job, base::SteadyPoint now) const;
  // The pods after a pass: created, told to stop.
  void note_pods(const std::string& job, const std::vector<PodSighting>& pods, base::SteadyPoint now);
  // A pod was deleted. Ignored for jobs without an entry, and for pods of another Job with this name.
  void note_deleted(const std::string& job, std::shared_ptr<const kube::Pod> pod);
  void note_archived(const std::string& job);
  bool archived(const std::string& job) const;
  // This controller deleted the resource, and its finalizer is removed.
  void note_removed(const std::string& job);
  bool removed(const std::string& job) const;

  // An action of the job failed. Returns since when, and when it is retried: after delays that double from try to try,
  // up to minutes, without end.
  struct NotedFailure {
    FailedAction failed;
    bool worth_telling = false;  // it lasts, and it was not reported before
  };
  NotedFailure note_failure(const std::string& job, const std::string& action, const Failure& failure,
                            base::SteadyPoint now);
  void note_success(const std::string& job, const std::string& action);
  // The job has another attempt or phase: earlier failures do not matter any more.
  void forget_failures(const std::string& job);
  std::vector<FailedAction> failures(const std::string& job, base::SteadyPoint now) const;

  // The time since `start`, a time that somebody wrote down. The system's clock is asked only when `start` is seen
  // first, our steady clock from then on. Of status.startTime, and of the start of an attempt.
  std::chrono::milliseconds since_start(const std::string& job, base::TimePoint start, const base::Clock& clock);
  std::chrono::milliseconds since_attempt(const std::string& job, base::TimePoint start, const base::Clock& clock);

  // The pods of a job: those in the caches and others. Drops entries of pods that are not needed any more, and of an
  // ended job whose pods are gone all that only live jobs need.
  std::vector<PodSighting> sightings(const job::Job& job, const std::vector<std::shared_ptr<const kube::Pod>>& cached,
                                     const base::Clock& clock);

  // How long a job has been known, since the first call.
  std::chrono::milliseconds known_for(const std::string& job, base::SteadyPoint now);
  // How long a job has been marked for deletion, since the first call.
  std::chrono::milliseconds deleting_for(const std::string& job, base::SteadyPoint now);
  // How long the runner of the current attempt has been missing, since the first call for that attempt.
  std::chrono::milliseconds lost_for(const std::string& job, int attempt, base::SteadyPoint now);
  // It is not missing (any more).
  void note_found(const std::string& job);

 private:
  // Measures the time since `start`.
  struct Stopwatch {
    base::TimePoint start{};
    std::chrono::milliseconds before{};  // from `start` until `seen`, by the system clock
    base::SteadyPoint seen{};
  };
  struct FailureEntry {
    Failure failure;
    base::SteadyPoint since{};
    base::SteadyPoint retry_at{};
    unsigned count = 0;
    bool told = false;
  };
  struct PodEntry {
    std::shared_ptr<const kube::Pod> pod;  // its last known state
    bool cached = false;                   // it has been in the caches
    bool gone = false;
    bool told_to_stop = false;
    base::SteadyPoint made{};
    std::optional<base::SteadyPoint> created;  // by this controller
    std::optional<base::SteadyPoint> stopping;
    std::optional<base::SteadyPoint> running;
    std::optional<base::SteadyPoint> waiting;
    std::optional<base::SteadyPoint> unreachable;
    std::optional<PodTrouble> trouble;
    std::optional<base::SteadyPoint> events_due;
    unsigned events_reads = 0;
    std::optional<Stopwatch> age;
    std::string waiting_reason;
  };
  // What is known of a job while something happens to it.
  struct Live {
    // Newer than the caches. A pointer, because most entries have none, and a Job is three times the rest.
    std::unique_ptr<const job::Job> answered;
    base::SteadyPoint answered_at{};
    std::unordered_map<std::string, PodEntry> pods;
    std::optional<base::SteadyPoint> deleting;
    int lost_attempt = 0;  // 0: none is missing
    base::SteadyPoint lost_since{};
    std::map<std::string, FailureEntry> failures;  // by name of the action
    std::optional<Stopwatch> started;
    std::optional<Stopwatch> attempt;
  };
  struct Entry {
    std::string uid;
    bool archived = false;
    bool removed = false;
    std::optional<base::SteadyPoint> known;
    // Null for most jobs: they have ended and wait for the end of their time to live.
    std::unique_ptr<Live> live;
  };
  using Entries = std::unordered_map<std::string, Entry>;

  // Null if nothing happens to the job, or if it is unknown.
  Live* find_live(const std::string& job) const;
  // Creates both.
  Live& live_of(const std::string& job);
  static Live& live_of(Entry& entry);
  // Nothing of it is needed once the job has ended.
  static bool is_settled(const Live& live);
  static PodSighting sight(PodEntry& entry, const base::Clock& clock);
  static void note_events(const PodSighting& sighting, PodEntry& entry, base::SteadyPoint now);
  static FailedAction as_failed(const std::string& action, const FailureEntry& entry, base::SteadyPoint now);
  static std::chrono::milliseconds measure(std::optional<Stopwatch>& watch, base::TimePoint start,
                                           const base::Clock& clock);

  mutable std::mutex mutex_;
  Entries entries_;
};

}  // namespace vbrain::controller
