// What clients of event streams know: histories of changes, and ids that clients send (Last-Event-ID).
#include <algorithm>
#include <array>
#include <memory>
#include <set>
#include <string>

#include "api-server/live/job_feed.hpp"
#include "fuzz/fuzz.hpp"

namespace vbrain::fuzz {
namespace {

using job::Phase;

using Names = std::set<std::string>;

// Jobs with an even number are of the tenant that watches.
std::shared_ptr<const job::Job> job_of(int number, int version, Phase phase) {
  auto job = std::make_shared<job::Job>();
  job->meta.name = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5" + std::to_string(number);
  job->meta.uid = "uid";
  job->meta.resource_version = std::to_string(version);
  job->spec.organization_id = number % 2 == 0 ? "acme" : "globex";
  job->spec.application_id = "Tutorial";
  job->spec.client_id = "north";
  job->status.phase = phase;
  return job;
}

// A client that has seen all up to an event, and what has happened to the jobs of its tenant since.
struct Client {
  std::string event_id;
  Names changed = {};
};

// A client that comes back gets every job that has changed and no other one, or is told of a gap.
void require_no_silent_gap(const api::JobFeed& feed, const api::JobFeed::Subscription& stream, const Client& client) {
  const auto position = feed.position_of(client.event_id);
  if (!position) return;
  const auto part = feed.after(stream, *position, 1'000);
  if (part.gap) return;
  Names told;
  for (const auto& item : part.items) {
    // That the resource of an ended job goes is no news (event_streams.cpp).
    const bool is_told = item.news->job != nullptr || !item.news->had_ended;
    if (is_told) told.insert(item.news->job_id);
  }
  require(told == client.changed, "every change since the event is told, and nothing else");
}

// Each byte is an event: a change of one of four jobs, a removal, a list, or a client that goes. What follows a zero is
// an id that somebody sends.
void run_events(std::string_view input) {
  constexpr std::array kPhases{Phase::kQueued, Phase::kStarted, Phase::kFinished, Phase::kFailed};
  const std::size_t end = std::min(input.find('\0'), input.size());
  kube::Cache<job::Job> jobs;
  api::JobFeed feed(6);  // so few are kept that some are forgotten
  feed.list_ended("1");
  const api::JobFeed::Subscription stream(feed, {"acme", "Tutorial", "north"}, "", {});
  std::vector<Client> clients;
  Names given;
  bool listing = false;
  int version = 1;
  for (const unsigned char event : input.substr(0, end)) {
    const unsigned kind = event / 4U % 8U;
    const int number = static_cast<int>(event % 4U);
    const bool is_watched = number % 2 == 0;
    const std::string name = job_of(number, 0, Phase::kQueued)->meta.name;
    const auto before = jobs.get(name);
    ++version;
    if (kind < kPhases.size()) {
      const auto now = job_of(number, version, kPhases[kind]);
      feed.note({jobs.put(name, now), now});
      const bool is_news = before == nullptr || before->status.phase != now->status.phase;
      for (Client& client : clients) {
        if (is_watched && is_news) client.changed.insert(name);
      }
    } else if (kind == 4 && before != nullptr) {
      feed.note({jobs.erase(name), nullptr});
      const bool had_ended = is_terminal(before->status.phase);
      for (Client& client : clients) {
        if (is_watched && !had_ended) client.changed.insert(name);
      }
    } else if (kind == 5) {
      listing ? feed.list_ended(std::to_string(version)) : feed.list_began();
      listing = !listing;
    }
    const std::string last = feed.end().event_id;
    if (!last.empty()) given.insert(last);
    if (kind >= 6 && !last.empty() && clients.size() < 16) clients.push_back({last});
    for (const Client& client : clients) require_no_silent_gap(feed, stream, client);
  }
  const std::string_view asked = input.substr(std::min(end + 1, input.size()));
  require(!feed.position_of(asked) || given.contains(std::string(asked)), "an id that was not given is not known");
}

}  // namespace

std::vector<Target> event_targets() {
  const std::string client(1, '\x1c');
  return {{"events",
           run_events,
           {client + std::string("\x04\x08\x0c", 3), "\x04" + client + "\x05\x09\x0d\x14\x15" + client + "\x08\x0c\x14",
            client + "\x18\x04\x18" + client + "\x08", std::string("\x04\x1c\0", 3) + "2-0123456789abcdef",
            client + "\x01\x05\x09\x0d\x11\x04\x08\x0c\x10\x14"},
           {client, "\x18", "\x14", "\x0c\x14", std::string(1, '\0')}}};
}

}  // namespace vbrain::fuzz
