#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "api-server/live/job_event.hpp"
#include "api-server/live/job_feed.hpp"
#include "api-server/live/stream_guard.hpp"
#include "http/stream.hpp"

namespace vbrain::api {

// The events of one job. Its data is what GET /job/:job_id says, so its id is the digest of the data: the same on every
// server. It sends the present state first, unless the client has it, and ends after the state of an ended or deleted
// job.
class JobEvents final : public http::Stream {
 public:
  // `known_id`: the id of the last event that the client has, or empty.
  JobEvents(const Services& services, base::Tenant tenant, std::string job_id, std::string known_id, StreamGuard guard,
            http::Waker waker);

  http::Task<http::StreamPiece> next() override;

 private:
  http::Task<std::string> news();

  const Services& services_;
  const base::Tenant tenant_;
  const std::string job_id_;
  std::string known_id_;
  StreamGuard guard_;
  JobFeed::Subscription subscription_;
  bool begun_ = false;
  bool over_ = false;
  http::SteadyTime beat_;                             // when something must be sent
  http::SteadyTime again_ = http::SteadyTime::max();  // when to look at the job although no change was told
  std::chrono::milliseconds pause_;
};

// The id of an event of one job.
std::string id_of_state(std::string_view json);

// The events of all jobs of a tenant. Without a position that this server knows it begins with the full state.
class TenantEvents final : public http::Stream {
 public:
  TenantEvents(const Services& services, base::Tenant tenant, const std::string& known_id, StreamGuard guard,
               http::Waker waker);

  http::Task<http::StreamPiece> next() override;

 private:
  // What is to be told, and when to ask again although nobody has woken the stream.
  struct Told {
    std::string text = {};
    http::SteadyTime again = http::SteadyTime::max();
  };
  // The next jobs of the full state.
  struct StatePart {
    std::string jobs = {};       // in JSON, with commas between them
    std::string after = {};      // the name of the last one that was looked at
    bool last = false;           // there are no more
    bool awaits_record = false;  // the next one has ended, but no answer may say so yet
  };

  http::Task<Told> more();
  void begin_state();
  StatePart read_part() const;
  http::Task<Told> state_part();
  http::Task<Told> news();
  std::string id_line(const std::string& id);
  bool needs_look(const JobNews& news) const;
  http::Task<std::optional<std::string>> told_by_look(const JobNews& news);
  http::SteadyTime later();

  const Services& services_;
  const base::Tenant tenant_;
  StreamGuard guard_;
  JobFeed::Subscription subscription_;
  bool begun_ = false;
  http::SteadyTime beat_;                             // when something must be sent
  http::SteadyTime again_ = http::SteadyTime::max();  // Told::again of the last time
  std::chrono::milliseconds pause_;
  std::uint64_t position_ = 0;              // of the last change that was told
  std::string last_id_;                     // the one that the client has now
  std::string id_after_state_;              // of position_, while the full state is told
  std::optional<std::string> state_after_;  // the name after which the full state goes on; nothing: it was told
};

}  // namespace vbrain::api
