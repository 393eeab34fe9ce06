// Positions, ids and gaps of the changes of jobs.
#include "api-server/live/job_feed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace vbrain::api {
namespace {

using job::Phase;
using ::testing::ElementsAre;
using ::testing::StartsWith;

const base::Tenant kAcme{"acme", "Tutorial", "north"};
const base::Tenant kGlobex{"globex", "Tutorial", "north"};

// A job's id; `digit` is 0 to 9.
std::string id(int digit) {
  return "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5" + std::to_string(digit);
}

std::shared_ptr<job::Job> make(int digit, int version, Phase phase, const base::Tenant& tenant = kAcme) {
  auto job = std::make_shared<job::Job>();
  job->meta.name = id(digit);
  job->meta.uid = "uid-" + std::to_string(digit);
  job->meta.resource_version = std::to_string(version);
  job->spec.organization_id = tenant.organization;
  job->spec.application_id = tenant.application;
  job->spec.client_id = tenant.client;
  job->status.phase = phase;
  return job;
}

// A server with its watch.
class Server {
 public:
  explicit Server(std::size_t changes = JobFeed::kChanges, int listed = 100) : feed(changes) {
    feed.list_ended(std::to_string(listed));
  }

  void says(const std::shared_ptr<const job::Job>& now) { feed.note({jobs.put(now->meta.name, now), now}); }
  void removed(int digit) { feed.note({jobs.erase(id(digit)), nullptr}); }

  kube::Cache<job::Job> jobs;
  JobFeed feed;
};

std::vector<std::string> told(const JobFeed::Part& part) {
  std::vector<std::string> all;
  for (const auto& item : part.items) {
    const std::string state =
        item.news->job == nullptr ? "removed" : std::string(rest_state(item.news->job->status.phase));
    all.push_back(item.news->job_id.substr(35) + " " + state);
  }
  return all;
}

TEST(JobFeed, AnIdSaysWhatIsKnownOnEachServerThatSawTheChange) {
  Server one;
  Server other;
  for (Server* server : {&one, &other}) {
    server->says(make(1, 101, Phase::kQueued));
    server->says(make(2, 102, Phase::kQueued));
  }
  const JobFeed::Place place = one.feed.end();
  EXPECT_THAT(place.event_id, StartsWith("102-"));
  other.says(make(1, 103, Phase::kStarted));
  const JobFeed::Subscription stream(other.feed, kAcme, "", {});
  const auto position = other.feed.position_of(place.event_id);
  ASSERT_TRUE(position.has_value());
  EXPECT_THAT(told(other.feed.after(stream, *position, 50)), ElementsAre("1 started"));
  // A server that began later does not know what was deleted since.
  const Server late(JobFeed::kChanges, 103);
  EXPECT_FALSE(late.feed.position_of(place.event_id).has_value());
}

TEST(JobFeed, TheIdAfterAListIsKnownToThatServerOnly) {
  Server one;
  const Server other;
  const std::string first = one.feed.end().event_id;
  EXPECT_THAT(first, StartsWith("100-"));
  one.says(make(1, 101, Phase::kQueued));
  const JobFeed::Subscription stream(one.feed, kAcme, "", {});
  EXPECT_THAT(told(one.feed.after(stream, one.feed.position_of(first).value(), 50)), ElementsAre("1 queued"));
  EXPECT_FALSE(other.feed.position_of(first).has_value());
  for (const char* wrong : {"", "100", "100-", "101-0", "x", "-1", "18446744073709551616-0123456789abcdef"}) {
    EXPECT_FALSE(one.feed.position_of(wrong).has_value()) << wrong;
  }
}

// etcd was restored: the same resourceVersions stand for other changes.
TEST(JobFeed, AnIdOfAnotherHistoryIsUnknown) {
  Server before;
  before.says(make(1, 101, Phase::kQueued));
  before.says(make(1, 102, Phase::kStarted));
  const std::string known = before.feed.end().event_id;
  Server after;
  after.says(make(1, 101, Phase::kQueued));
  auto later = make(1, 102, Phase::kStarted);
  later->status.start_time = base::TimePoint(std::chrono::hours(1));
  after.says(later);
  EXPECT_THAT(after.feed.end().event_id, StartsWith("102-"));
  EXPECT_FALSE(after.feed.position_of(known).has_value());
}

// A list has the order of names. An id in its middle would say that a client knows changes that it does not.
TEST(JobFeed, ChangesOfAListHaveNoIdAndStreamsGoOn) {
  Server server;
  server.says(make(1, 101, Phase::kQueued));
  server.says(make(2, 102, Phase::kQueued));
  const std::string before = server.feed.end().event_id;
  const JobFeed::Subscription stream(server.feed, kAcme, "", {});
  server.feed.list_began();
  server.says(make(1, 150, Phase::kStarted));
  server.says(make(2, 120, Phase::kStarted));
  const auto part = server.feed.after(stream, server.feed.position_of(before).value(), 50);
  EXPECT_THAT(told(part), ElementsAre("1 started", "2 started"));
  EXPECT_EQ(part.items[0].news->event_id, "");
  EXPECT_EQ(server.feed.end().event_id, "");
  server.feed.list_ended("160");
  EXPECT_THAT(server.feed.end().event_id, StartsWith("160-"));
  server.says(make(1, 161, Phase::kFailed));
  EXPECT_THAT(server.feed.end().event_id, StartsWith("161-"));
  // The server knows all that has happened since.
  EXPECT_TRUE(server.feed.position_of(before).has_value());
}

TEST(JobFeed, KeepsTheLastStateOfEachJob) {
  Server server;
  const JobFeed::Subscription stream(server.feed, kAcme, "", {});
  server.says(make(1, 101, Phase::kQueued));
  server.says(make(2, 102, Phase::kQueued));
  server.says(make(1, 103, Phase::kStarted));
  server.says(make(3, 104, Phase::kStarted, kGlobex));
  EXPECT_THAT(told(server.feed.after(stream, 0, 50)), ElementsAre("2 queued", "1 started"));
  EXPECT_THAT(told(server.feed.after(stream, 0, 1)), ElementsAre("2 queued"));
}

TEST(JobFeed, WhatNobodySeesIsNoNews) {
  Server server;
  const JobFeed::Subscription stream(server.feed, kAcme, "", {});
  server.says(make(1, 101, Phase::kQueued));
  auto same = make(1, 102, Phase::kQueued);
  same->status.observed_generation = 7;
  server.says(same);
  auto odd = make(1, 103, Phase::kQueued);
  odd->meta.name = "../x";
  server.says(odd);
  EXPECT_THAT(server.feed.end().event_id, StartsWith("101-"));
}

TEST(JobFeed, ADeletionIsToldOnceAndAnEndStaysWhenItsResourceGoes) {
  Server server;
  const JobFeed::Subscription stream(server.feed, kAcme, "", {});
  auto deleted = make(1, 102, Phase::kQueued);
  deleted->meta.deletion_timestamp = base::TimePoint(std::chrono::hours(1));
  server.says(make(1, 101, Phase::kQueued));
  server.says(deleted);
  server.removed(1);
  EXPECT_THAT(told(server.feed.after(stream, 0, 50)), ElementsAre("1 queued"));
  EXPECT_THAT(server.feed.end().event_id, StartsWith("102-"));
  server.says(make(2, 103, Phase::kStarted));
  server.says(make(2, 104, Phase::kFinished));
  server.removed(2);
  server.says(make(3, 106, Phase::kStarted));
  server.removed(3);
  EXPECT_THAT(told(server.feed.after(stream, 0, 50)), ElementsAre("1 queued", "2 finished", "2 removed", "3 removed"));
  // After a removal there is no id until the next change.
  EXPECT_EQ(server.feed.end().event_id, "");
}

TEST(JobFeed, AJobOfAnotherTenantWithTheSameNameIsARemovalAndANewJob) {
  Server server;
  const JobFeed::Subscription acme(server.feed, kAcme, "", {});
  const JobFeed::Subscription globex(server.feed, kGlobex, "", {});
  server.says(make(1, 101, Phase::kQueued));
  server.feed.list_began();
  server.says(make(1, 110, Phase::kStarted, kGlobex));
  EXPECT_THAT(told(server.feed.after(acme, 0, 50)), ElementsAre("1 removed"));
  EXPECT_THAT(told(server.feed.after(globex, 0, 50)), ElementsAre("1 started"));
}

TEST(JobFeed, TellsThatChangesAreForgotten) {
  Server server(4);
  const JobFeed::Subscription acme(server.feed, kAcme, "", {});
  const JobFeed::Subscription globex(server.feed, kGlobex, "", {});
  const std::string first = server.feed.end().event_id;
  server.says(make(1, 101, Phase::kQueued));
  server.says(make(1, 102, Phase::kStarted));
  for (int version = 103; version <= 105; ++version) {
    server.says(make(version - 100, version, Phase::kQueued, kGlobex));
  }
  // The forgotten change of acme's job was followed by another one, which is there.
  EXPECT_FALSE(server.feed.position_of(first).has_value());
  EXPECT_THAT(told(server.feed.after(acme, 1, 50)), ElementsAre("1 started"));
  server.says(make(6, 106, Phase::kQueued, kGlobex));
  EXPECT_TRUE(server.feed.after(acme, 1, 50).gap);
  EXPECT_FALSE(server.feed.after(globex, 1, 50).gap);
  // Nothing of acme's is forgotten after this position.
  EXPECT_FALSE(server.feed.after(acme, 3, 50).gap);
}

// A tenant without streams and without changes costs nothing; one that comes back misses nothing.
TEST(JobFeed, AStreamKnowsNamesWhileItIsOpen) {
  Server server;
  server.says(make(1, 101, Phase::kQueued));
  server.says(make(2, 102, Phase::kQueued, kGlobex));
  {
    const JobFeed::Subscription stream(server.feed, kAcme, "", {});
    EXPECT_FALSE(server.feed.knows_names(stream));
    server.feed.learn_names(stream, server.jobs);
    server.says(make(3, 103, Phase::kQueued));
    EXPECT_TRUE(server.feed.knows_names(stream));
    EXPECT_THAT(server.feed.names_after(stream, "", 50), ElementsAre(id(1), id(3)));
    EXPECT_THAT(server.feed.names_after(stream, id(1), 50), ElementsAre(id(3)));
    server.removed(1);
    EXPECT_THAT(server.feed.names_after(stream, "", 50), ElementsAre(id(3)));
  }
  const JobFeed::Subscription stream(server.feed, kAcme, "", {});
  EXPECT_FALSE(server.feed.knows_names(stream));
}

}  // namespace
}  // namespace vbrain::api
