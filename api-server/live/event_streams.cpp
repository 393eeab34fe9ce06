#include "api-server/live/event_streams.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "api-server/answers/shared_reads.hpp"
#include "api-server/jobs/job_record.hpp"
#include "artifacts/store/store.hpp"
#include "base/log/log.hpp"
#include "base/text/digest.hpp"

namespace vbrain::api {
namespace {

using http::SteadyTime;
using http::StreamPiece;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// The record of an ended job comes to the volume a moment after its resource says that it has ended (agreed_status).
constexpr milliseconds kFirstPause{10};
constexpr milliseconds kLongestPause{500};
// What a stream gives at a time: some KiB, whatever jobs say.
constexpr std::size_t kPartBytes = 12 * 1024;
constexpr std::size_t kPartJobs = 50;
// Clients of a server that stops come back at different times.
constexpr int kLeastRetry = 1'000;
constexpr int kMostRetry = 5'000;

constexpr std::string_view kJobEvent = "job";
constexpr std::string_view kDeletedEvent = "deleted";
constexpr std::string_view kStateEvent = "state";

// The first line of a stream: how long a client waits before it connects again, in milliseconds.
std::string render_retry() {
  thread_local std::minstd_rand random(std::random_device{}());
  return "retry: " + std::to_string(std::uniform_int_distribution<int>(kLeastRetry, kMostRetry)(random)) + "\n\n";
}

// Whether the volume shows that the job was deleted through another server. Blocks.
bool was_deleted(const Services& services, const base::Tenant& tenant, const job::Job& job) {
  return services.volume.is_deleted(tenant, job.meta.name) ||
         (job.made_by_rest() && !services.volume.has_job(tenant, job.meta.name));
}

}  // namespace

std::string id_of_state(std::string_view json) {
  return base::sha256_hex(json).substr(0, 32);
}

JobEvents::JobEvents(const Services& services, base::Tenant tenant, std::string job_id, std::string known_id,
                     StreamGuard guard, http::Waker waker)
    : services_(services),
      tenant_(std::move(tenant)),
      job_id_(std::move(job_id)),
      known_id_(std::move(known_id)),
      guard_(std::move(guard)),
      subscription_(services.feed, tenant_, job_id_, std::move(waker)),
      beat_(steady_clock::now()),
      pause_(kFirstPause) {}

http::Task<StreamPiece> JobEvents::next() {
  const SteadyTime now = steady_clock::now();
  if (over_ || !guard_.permits(now)) co_return StreamPiece::end();
  std::string text;
  const bool has_news = subscription_.take_news();
  if (has_news) pause_ = kFirstPause;
  if (has_news || now >= again_) {
    again_ = SteadyTime::min();  // after an exception
    text = co_await news();
  }
  if (text.empty() && over_) co_return StreamPiece::end();
  if (text.empty() && now >= beat_) text = kBeat;
  if (text.empty()) co_return StreamPiece::nothing(std::min(beat_, again_));
  if (!std::exchange(begun_, true)) text.insert(0, render_retry());
  beat_ = now + services_.streams.period();
  co_return StreamPiece::of(std::move(text));
}

http::Task<std::string> JobEvents::news() {
  const auto look = co_await look_at_job(services_, tenant_, job_id_, guard_.ids());
  if (!look->exists) {
    over_ = true;
    co_return render_event("", kDeletedEvent, render_deleted(job_id_));
  }
  again_ = SteadyTime::max();
  // The watch does not tell when the record of the end is there.
  const auto cached = services_.jobs.get(job_id_);
  if (look->json.empty() || (!look->ended && cached != nullptr && is_terminal(cached->status.phase))) {
    again_ = steady_clock::now() + pause_;
    pause_ = std::min(2 * pause_, kLongestPause);
    // A state between the last one and the end says nothing.
    if (begun_ || look->json.empty()) co_return std::string();
  }
  over_ = look->ended;
  std::string id = id_of_state(look->json);
  if (id == known_id_) co_return std::string();
  known_id_ = std::move(id);
  co_return render_event(known_id_, kJobEvent, look->json);
}

TenantEvents::TenantEvents(const Services& services, base::Tenant tenant, const std::string& known_id,
                           StreamGuard guard, http::Waker waker)
    : services_(services),
      tenant_(std::move(tenant)),
      guard_(std::move(guard)),
      subscription_(services.feed, tenant_, {}, std::move(waker)),
      beat_(steady_clock::now()),
      pause_(kFirstPause) {
  if (const auto known = services.feed.position_of(known_id)) {
    position_ = *known;
    last_id_ = known_id;
  } else {
    begin_state();
  }
}

http::Task<StreamPiece> TenantEvents::next() {
  const SteadyTime now = steady_clock::now();
  if (!guard_.permits(now)) co_return StreamPiece::end();
  std::string text;
  if (subscription_.take_news() || now >= again_) {
    again_ = SteadyTime::min();  // after an exception
    Told told = co_await more();
    text = std::move(told.text);
    again_ = told.again;
  }
  if (text.empty() && now >= beat_) {
    // Changes of other tenants let this server forget the last one of this tenant. A newer id is known longer.
    const JobFeed::Place end = services_.feed.end();
    const auto part = services_.feed.after(subscription_, position_, 1);
    const bool at_end = !state_after_ && !part.gap && part.items.empty();
    text = ":\n" + (at_end && !end.event_id.empty() ? id_line(end.event_id) : "") + "\n";
    if (at_end) position_ = end.position;
  }
  if (text.empty()) co_return StreamPiece::nothing(std::min(beat_, again_));
  if (!std::exchange(begun_, true)) text.insert(0, render_retry());
  beat_ = now + services_.streams.period();
  co_return StreamPiece::of(std::move(text));
}

http::Task<TenantEvents::Told> TenantEvents::more() {
  Told told;
  if (state_after_) {
    told = co_await state_part();
  } else {
    told = co_await news();
  }
  // There may be more.
  if (!told.text.empty()) told.again = SteadyTime::min();
  co_return told;
}

void TenantEvents::begin_state() {
  JobFeed::Place end = services_.feed.end();
  position_ = end.position;
  id_after_state_ = std::move(end.event_id);
  state_after_.emplace();
}

// Blocks on the volume, which knows also of deletions that the watch has not shown yet.
TenantEvents::StatePart TenantEvents::read_part() const {
  const auto names = services_.feed.names_after(subscription_, *state_after_, kPartJobs);
  StatePart part{.after = *state_after_, .last = names.size() < kPartJobs};
  for (const std::string& name : names) {
    if (part.jobs.size() >= kPartBytes) {
      part.last = false;
      break;
    }
    const auto job = services_.jobs.get(name);
    std::string json;
    if (job != nullptr && belongs_to(*job, tenant_) && !job->meta.deletion_timestamp) {
      if (awaits_record(job->status, services_.clock.now())) {
        std::optional<JobRecord> record;
        try {
          record = load_job(services_, tenant_, name);
        } catch (const artifacts::CorruptFile& problem) {
          base::log_error("unreadable file on the volume", {{"job", name}, guard_.ids(), {"error", problem.what()}});
        } catch (const artifacts::UnsafeFile& problem) {
          base::log_error("unreadable file on the volume", {{"job", name}, guard_.ids(), {"error", problem.what()}});
        }
        if (record && !record->unconfirmed && !is_terminal(record->status->phase)) {
          part.last = false;
          part.awaits_record = true;
          break;
        }
        if (record) json = render_job(services_, tenant_, name, record->stored->file.repository_id, *record->status);
      } else if (!was_deleted(services_, tenant_, *job)) {
        json = render_job(services_, *job);
      }
    }
    part.after = name;
    if (!json.empty()) part.jobs.append(part.jobs.empty() ? "" : ",").append(json);
  }
  return part;
}

http::Task<TenantEvents::Told> TenantEvents::state_part() {
  if (!services_.feed.knows_names(subscription_)) {
    // After a restart all streams of a tenant come at once: one of them does it for all.
    const auto learn = [&] {
      services_.feed.learn_names(subscription_, services_.jobs);
      return true;
    };
    const std::string key_of_names =
        "names\n" + tenant_.organization + "\n" + tenant_.application + "\n" + tenant_.client;
    co_await services_.reads.get(services_.list_workers, key_of_names, learn);
  }
  const auto read = [&] { return read_part(); };
  const std::string key =
      "events\n" + tenant_.organization + "\n" + tenant_.application + "\n" + tenant_.client + "\n" + *state_after_;
  const auto part = co_await services_.reads.get(services_.volume_workers, key, read);
  state_after_ = part->after;
  Told told;
  if (part->jobs.empty() && !part->last) {
    told.again = part->awaits_record ? later() : SteadyTime::min();
    co_return told;
  }
  pause_ = kFirstPause;
  std::string id;
  if (part->last) {
    state_after_.reset();
    // What has changed since is in the state, perhaps, and not in the id. It is told now.
    const auto since = services_.feed.after(subscription_, position_, 1);
    if (!since.gap && since.items.empty()) id = id_after_state_;
  }
  const std::string data = R"({"jobs":[)" + part->jobs + R"(],"last":)" + (part->last ? "true}" : "false}");
  told.text = id_line(id) + render_event("", kStateEvent, data);
  co_return told;
}

http::Task<TenantEvents::Told> TenantEvents::news() {
  Told told;
  const auto part = services_.feed.after(subscription_, position_, kPartJobs);
  if (part.gap) {
    begin_state();
    told.again = SteadyTime::min();
    co_return told;
  }
  for (const JobFeed::Item& item : part.items) {
    const JobNews& change = *item.news;
    JobFeed::EventText text = item.text;
    if (text == nullptr) {
      std::optional<std::string> made;
      if (!needs_look(change)) {
        const bool deleted = change.job->meta.deletion_timestamp.has_value();
        made = render_event("", deleted ? kDeletedEvent : kJobEvent,
                            deleted ? render_deleted(change.job_id) : render_job(services_, *change.job));
      } else if (!told.text.empty()) {
        break;  // what was told so far must not be lost if the look fails
      } else {
        made = co_await told_by_look(change);
        if (!made) {
          told.again = later();
          break;
        }
      }
      text = std::make_shared<const std::string>(std::move(*made));
      services_.feed.keep(subscription_, change, text);
    }
    pause_ = kFirstPause;
    position_ = change.position;
    if (!text->empty()) {
      // An earlier change of a job that is told later is left out. Until then no id says what the client knows.
      const bool at_end = &item == &part.items.back() && !part.more;
      told.text += id_line(at_end ? change.event_id : "") + *text;
    }
    if (told.text.size() >= kPartBytes) break;
  }
  // All of them may be nothing to tell.
  if (told.text.empty() && !part.items.empty() && told.again == SteadyTime::max()) told.again = SteadyTime::min();
  co_return told;
}

// The line that gives the client this id; one without an id takes the last one from it, so that it gets the full state
// if it comes back now. Empty if the client has this id.
std::string TenantEvents::id_line(const std::string& id) {
  if (id == last_id_) return {};
  last_id_ = id;
  return id.empty() ? "id:\n" : "id: " + id + "\n";
}

// Whether only the volume knows what is to be told.
bool TenantEvents::needs_look(const JobNews& news) const {
  if (news.job == nullptr) return true;
  return !news.job->meta.deletion_timestamp && awaits_record(news.job->status, services_.clock.now());
}

// The event of a change; empty: there is nothing to tell of it. Nothing: it may not be told yet.
http::Task<std::optional<std::string>> TenantEvents::told_by_look(const JobNews& news) {
  const auto look = co_await look_at_job(services_, tenant_, news.job_id, guard_.ids());
  std::optional<std::string> event;
  if (!look->exists) {
    event = render_event("", kDeletedEvent, render_deleted(news.job_id));
  } else if (look->unreadable) {
    event.emplace();
  } else if (news.job == nullptr && news.had_ended) {
    event.emplace();  // the resource was removed because its time was over, and the job is still there
  } else if (!look->json.empty() && (news.job == nullptr || look->ended)) {
    event = render_event("", kJobEvent, look->json);
  }
  co_return event;
}

SteadyTime TenantEvents::later() {
  const SteadyTime when = steady_clock::now() + pause_;
  pause_ = std::min(2 * pause_, kLongestPause);
  return when;
}

}  // namespace vbrain::api
