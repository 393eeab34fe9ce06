#pragma once

#include <memory>
#include <string>

#include "api-server/live/job_feed.hpp"
#include "api-server/live/log_looks.hpp"
#include "api-server/live/log_text.hpp"
#include "api-server/live/stream_guard.hpp"
#include "http/stream.hpp"

namespace vbrain::api {

// A body with the logs of a job (LogText), while they grow or as they are. It breaks off where it would not be
// complete: the server stops, the key does not permit it any more, the job is deleted, the log was written anew.
class LogFollower final : public http::Stream {
 public:
  LogFollower(const Services& services, base::Tenant tenant, std::string job_id, const LogWish& wish, StreamGuard guard,
              http::Waker waker);

  http::Task<http::StreamPiece> next() override;
  http::StreamPiece stopping() override { return http::StreamPiece::broken(); }

 private:
  const Services& services_;
  const base::Tenant tenant_;
  const std::string job_id_;
  const std::string file_;
  StreamGuard guard_;
  JobFeed::Subscription subscription_;
  std::shared_ptr<LogLook> look_;
  LogText text_;
  bool over_ = false;
};

}  // namespace vbrain::api
