#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "controller/planning/action.hpp"
#include "job/job.hpp"

namespace vbrain::controller {

// Writes of statuses whose answer was lost (no answer in time, a connection that broke), so that nobody knows whether
// they are done. A later version of the Job shows it. Thread-safe; does not block.
class UnansweredWrites {
 public:
  struct Write {
    job::Job before;
    WriteStatus write;
  };

  // `sent` is the status in the request: that of `write`, or the bare facts of it.
  void note(job::Job before, WriteStatus write, const job::JobStatus& sent);
  // `now` is a version of the Job that the API server or the watch has shown. Returns the write that it shows as done,
  // once. A newer version with another status shows that earlier writes are not done: their precondition failed.
  std::optional<Write> take_done(const job::Job& now);
  // The job is gone, or a later write of its status is done.
  void forget(const std::string& job);

 private:
  struct Entry {
    Write write;
    std::string sent;  // the status as JSON text
  };

  std::mutex mutex_;
  std::map<std::string, std::vector<Entry>> entries_;  // by name of the Job
};

}  // namespace vbrain::controller
