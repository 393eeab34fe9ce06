#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/time/clock.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::api {

// When to ask for a job again that has not ended (Retry-After): when jobs of its Application usually have. `usual` is
// how long they run; nothing if it is not known. Between a second and half a minute. Pure.
std::chrono::seconds retry_after(const job::JobStatus& status, std::optional<std::chrono::seconds> usual,
                                 base::TimePoint now);

// How long the last jobs of each Application ran. Thread-safe. It learns from the watch, so it knows nothing of jobs
// that had ended when the server started and were deleted since.
class RunTimes {
 public:
  // A handler of the informer of Jobs: notes the time of a job that finished.
  void note(const kube::Change<job::Job>& change);

  // The median of the last kKept jobs. Nothing before the first one has finished.
  std::optional<std::chrono::seconds> usual(std::string_view application_id) const;

 private:
  static constexpr std::size_t kKept = 31;

  struct Last {
    std::array<std::chrono::seconds, kKept> times{};
    std::size_t count = 0;
  };

  mutable std::mutex mutex_;
  std::map<std::string, Last, std::less<>> by_application_;
};

}  // namespace vbrain::api
