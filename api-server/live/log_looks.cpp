#include "api-server/live/log_looks.hpp"

#include <algorithm>
#include <utility>

#include "api-server/answers/shared_reads.hpp"
#include "api-server/jobs/job_record.hpp"
#include "api-server/live/volume_logs.hpp"
#include "artifacts/store/store.hpp"

namespace vbrain::api {
namespace {

using http::SteadyTime;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kShortestPause{250};
constexpr milliseconds kLongestPause{2'000};

// Blocks on the volume.
LogsSeen look_at(const Services& services, const base::Tenant& tenant, const std::string& job_id,
                 const std::string& file) {
  LogsSeen seen;
  // Before the files: what was written before the end is found after it.
  const auto record = load_job(services, tenant, job_id);
  seen.exists = record.has_value();
  if (!seen.exists) return seen;
  seen.ended = is_terminal(record->status->phase);
  seen.attempts = services.volume.attempts(tenant, job_id);
  if (seen.attempts.empty()) return seen;
  VolumeLogs files(services.volume, tenant, job_id, file);
  for (const LogStream which : {LogStream::kStdout, LogStream::kStderr}) {
    seen.sizes[static_cast<std::size_t>(which)] = files.size(seen.attempts.back(), which);
  }
  return seen;
}

bool is_news(const LogsSeen* before, const LogsSeen& now) {
  return before == nullptr || before->ended != now.ended || before->attempts != now.attempts ||
         before->sizes != now.sizes;
}

}  // namespace

http::Task<std::shared_ptr<const LogsSeen>> LogLook::get(const Services& services) {
  auto seen = known(steady_clock::now());
  if (seen != nullptr) co_return seen;
  const auto look = [&] { return look_at(services, tenant_, job_id_, file_); };
  const std::string key = "logs\n" + tenant_.organization + "\n" + tenant_.application + "\n" + tenant_.client + "\n" +
                          job_id_ + "\n" + file_;
  seen = co_await services.reads.get(services.volume_workers, key, look);
  const std::lock_guard lock(mutex_);
  // Of several that shared the look the first one brings it here.
  if (seen_ != seen) {
    pause_ = is_news(seen_.get(), *seen) ? kShortestPause : std::min(2 * pause_, kLongestPause);
    next_look_ = steady_clock::now() + pause_;
    seen_ = seen;
  }
  co_return seen;
}

std::shared_ptr<const LogsSeen> LogLook::known(SteadyTime now) const {
  const std::lock_guard lock(mutex_);
  return now < next_look_ ? seen_ : nullptr;
}

SteadyTime LogLook::next_look() const {
  const std::lock_guard lock(mutex_);
  return next_look_;
}

void LogLook::expire() {
  const std::lock_guard lock(mutex_);
  next_look_ = {};
}

std::shared_ptr<LogLook> LogLooks::of(const base::Tenant& tenant, const std::string& job_id, const std::string& file) {
  const std::lock_guard lock(mutex_);
  std::erase_if(looks_, [](const auto& entry) { return entry.second.expired(); });
  auto& known = looks_[{tenant, job_id, file}];
  auto look = known.lock();
  if (look == nullptr) {
    look = std::make_shared<LogLook>(tenant, job_id, file);
    known = look;
  }
  return look;
}

}  // namespace vbrain::api
