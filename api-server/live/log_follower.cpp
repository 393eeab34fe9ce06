#include "api-server/live/log_follower.hpp"

#include <algorithm>
#include <utility>

#include "api-server/live/volume_logs.hpp"

namespace vbrain::api {

using http::StreamPiece;

LogFollower::LogFollower(const Services& services, base::Tenant tenant, std::string job_id, const LogWish& wish,
                         StreamGuard guard, http::Waker waker)
    : services_(services),
      tenant_(std::move(tenant)),
      job_id_(std::move(job_id)),
      file_(wish.file),
      guard_(std::move(guard)),
      subscription_(services.feed, tenant_, job_id_, std::move(waker)),
      look_(services.streams.log_looks().of(tenant_, job_id_, file_)),
      text_(wish) {}

http::Task<StreamPiece> LogFollower::next() {
  if (over_) co_return StreamPiece::end();
  if (!guard_.permits(std::chrono::steady_clock::now())) co_return StreamPiece::broken();
  // A new attempt, the end of the job, and so on.
  if (subscription_.take_news()) look_->expire();
  const auto seen = co_await look_->get(services_);
  if (!seen->exists) co_return StreamPiece::broken();
  const auto again = [&] { return StreamPiece::nothing(std::min(look_->next_look(), guard_.next_check())); };
  if (text_.waits(*seen)) co_return again();
  const auto read_with = [&](LogText::Reach reach) {
    VolumeLogs files(services_.volume, tenant_, job_id_, file_);
    return text_.next(*seen, files, reach);
  };
  const auto read = [&] { return read_with(LogText::Reach::kNear); };
  LogText::Piece piece = co_await http::run_on(services_.volume_workers, read);
  if (piece.then == LogText::Then::kFar) {
    const auto read_far = [&] { return read_with(LogText::Reach::kAll); };
    piece = co_await http::run_on(services_.bulk_workers, read_far);
  }
  if (piece.then == LogText::Then::kBroken) co_return StreamPiece::broken();
  over_ = piece.then == LogText::Then::kEnd;
  if (!piece.text.empty()) co_return StreamPiece::of(std::move(piece.text));
  if (over_) co_return StreamPiece::end();
  co_return again();
}

}  // namespace vbrain::api
