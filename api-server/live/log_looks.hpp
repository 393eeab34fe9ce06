#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include "api-server/live/log_text.hpp"
#include "api-server/services.hpp"
#include "base/tenant.hpp"
#include "http/task.hpp"
#include "http/waiting.hpp"

namespace vbrain::api {

// How often the logs of one job are looked at. The volume is shared by machines, so nothing tells that a file has
// grown. All that follow the logs of a job share the looks: 250 ms after a look that found something new, then twice
// the last pause, 2 s at most. Thread-safe.
class LogLook {
 public:
  LogLook(base::Tenant tenant, std::string job_id, std::string file)
      : tenant_(std::move(tenant)), job_id_(std::move(job_id)), file_(std::move(file)) {}

  // What the last look found, or what a new one finds if its time has come. Throws VolumeError, CorruptFile and
  // http::Overloaded.
  http::Task<std::shared_ptr<const LogsSeen>> get(const Services& services);
  // When get() looks again.
  http::SteadyTime next_look() const;
  // The job has changed: get() looks at once.
  void expire();

 private:
  std::shared_ptr<const LogsSeen> known(http::SteadyTime now) const;

  const base::Tenant tenant_;
  const std::string job_id_;
  const std::string file_;  // LogWish::file
  mutable std::mutex mutex_;
  std::shared_ptr<const LogsSeen> seen_;
  http::SteadyTime next_look_ = {};
  std::chrono::milliseconds pause_{0};
};

// The looks of all jobs whose logs are followed. Thread-safe.
class LogLooks {
 public:
  // The same object for all that follow the job's streams, or this file of the job, at the same time.
  std::shared_ptr<LogLook> of(const base::Tenant& tenant, const std::string& job_id, const std::string& file);

 private:
  std::mutex mutex_;
  std::map<std::tuple<base::Tenant, std::string, std::string>, std::weak_ptr<LogLook>> looks_;
};

}  // namespace vbrain::api
