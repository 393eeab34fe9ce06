#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/threads/worker_pool.hpp"
#include "controller/volume/volume.hpp"
#include "job/job.hpp"

namespace vbrain::controller {

// Writes the records of ended jobs to the volume on its own threads, so that a slow volume does not keep the reconcile
// workers from other jobs. Thread-safe.
class Archiver {
 public:
  enum class State {
    kUnderWay,   // `wake` is called when it has ended; then ask again
    kBusy,       // too many records are waiting; `wake` is called when there is room, then ask again
    kDone,       // the record is durable
    kPublished,  // the same, and the job's folder was made for it (Volume::archive returned true)
  };
  // Called on a thread of the Archiver, with the job's name.
  using Wake = std::function<void(const std::string& job)>;

  // The number of records that may wait for a thread.
  static constexpr std::size_t kMaxWaiting = 1'000;

  // After kBusy a caller asks again by itself after this time. It is needed only if a turn was lost, because the jobs
  // that were woken were deleted meanwhile. It is long, because 100,000 jobs may wait.
  static constexpr std::chrono::minutes kTurnComesWithin{30};

  // `volume` must outlive this. Without threads each record is written within archive(), and `wake` is not called.
  Archiver(Volume& volume, std::size_t threads, Wake wake = {});
  // Waits for the records that are being written; the next leader writes those that wait.
  ~Archiver();
  Archiver(const Archiver&) = delete;
  Archiver& operator=(const Archiver&) = delete;

  // Starts to write the record of this version of the job, or returns the result. kDone and kPublished are returned
  // once: the next call starts again, which changes nothing on the volume. Throws exceptions of Volume::archive.
  State archive(const job::Job& job);

 private:
  struct Work {
    std::string version;  // of the Job: UID and resourceVersion
    bool ended = false;
    bool published = false;
    std::exception_ptr failure = nullptr;
  };

  bool begin(const std::string& name, const std::string& version);
  State tell(const std::string& name);
  bool run(const job::Job& job);
  void write(const job::Job& job);
  void wait_for_room(const std::string& name);
  std::vector<std::string> next_turns();

  Volume& volume_;
  const Wake wake_;
  std::mutex mutex_;
  std::unordered_map<std::string, Work> works_;  // by the job's name
  std::size_t under_way_ = 0;                    // works that have not ended
  // Jobs that found no room, in order. After the start of a leader these are all ended jobs but the first.
  std::deque<std::string> waiting_;
  std::unordered_set<std::string> waiting_names_;
  std::atomic<bool> closing_{false};
  std::optional<base::WorkerPool> pool_;  // last: its threads use all members above
};

}  // namespace vbrain::controller
