// Streams of events: GET /job/:job_id/events and GET /events.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <future>
#include <set>

#include "api-server/jobs/job_record.hpp"
#include "unit/api-server/live/event_reader.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using testing::Event;
using testing::EventReader;
using ::testing::HasSubstr;
using testing::HttpReply;
using ::testing::UnorderedElementsAre;
using testing::World;

constexpr const char* kEvents = "/api/v1/events";

std::string events_of(const std::string& job_id) {
  return "/api/v1/job/" + job_id + "/events";
}

job::JobStatus status_in(Phase phase, const std::string& reason = "") {
  job::JobStatus status;
  status.phase = phase;
  status.reason = reason;
  status.attempts = 1;
  if (is_terminal(phase)) {
    status.accepted_attempt = 1;
    status.artifacts = job::Artifacts{4, std::string(64, 'a'), 3, 3};
  }
  return status;
}

job::JobStatus ended_now(const World& world, Phase phase = Phase::kFinished) {
  job::JobStatus status = status_in(phase, "Completed");
  status.start_time = world.clock.now() - std::chrono::seconds(2);
  status.completion_time = world.clock.now();
  return status;
}

// The watch of this server shows that somebody deletes the job.
void watch_deletion(World& world, const std::string& job_id) {
  auto deleting = std::make_shared<job::Job>(*world.jobs.get(job_id));
  deleting->meta.deletion_timestamp = world.clock.now();
  world.watch_says(job_id, deleting);
}

// What an event says is what GET says, in the same words.
void expect_as_get(World& world, const Event& event) {
  ASSERT_TRUE(event.data.is_object());
  const auto object = world.get("/api/v1/job/" + event.data.value("job_id", "") + "?jobs=false").json();
  for (const auto& [key, value] : event.data.items()) EXPECT_EQ(object.value(key, nlohmann::json()), value) << key;
  for (const char* key : {"job_id", "job_status", "repository_id", "attempts"}) EXPECT_TRUE(event.data.contains(key));
}

std::vector<std::string> ids_of(const nlohmann::json& jobs) {
  std::vector<std::string> ids;
  for (const auto& job : jobs) ids.push_back(job["job_id"]);
  return ids;
}

TEST(JobEvents, FollowAJobToItsEndAndSayItWhenEveryServerDoes) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  EventReader reader(world, events_of(id));
  EXPECT_EQ(reader.status(), 200);
  EXPECT_THAT(reader.head(), HasSubstr("\r\nContent-Type: text/event-stream\r\n"));
  EXPECT_THAT(reader.head(), HasSubstr("\r\nCache-Control: no-store\r\n"));
  Event event = reader.next();
  EXPECT_EQ(event.type, "job");
  EXPECT_EQ(event.data["job_status"], "queued");
  expect_as_get(world, event);
  EXPECT_GE(reader.retry(), 1'000);
  world.set_status(id, status_in(Phase::kQueued, "ConcurrencyLimit"));
  event = reader.next();
  EXPECT_EQ(event.data["reason"], "ConcurrencyLimit");
  expect_as_get(world, event);
  world.set_status(id, status_in(Phase::kStarted));
  EXPECT_EQ(reader.next().data["job_status"], "started");
  world.set_status(id, ended_now(world));
  // Another server's watch may not have shown the end yet.
  EXPECT_EQ(world.get("/api/v1/job/" + id).json()["job_status"], "started");
  EXPECT_FALSE(reader.has_more());
  world.record(id);
  event = reader.next();
  EXPECT_EQ(event.data["job_status"], "finished");
  EXPECT_TRUE(event.data.contains("finished_on"));
  expect_as_get(world, event);
  EXPECT_TRUE(reader.ends());
  // A client that has the end is told not to come back; any other one gets it.
  EXPECT_EQ(EventReader(world, events_of(id), event.id).status(), 204);
  World replica(world);
  EXPECT_EQ(EventReader(replica, events_of(id), event.id).status(), 204);
  EventReader again(replica, events_of(id), "x");
  EXPECT_EQ(again.next().data["job_status"], "finished");
  EXPECT_TRUE(again.ends());
}

TEST(JobEvents, AClientGetsWhatItDoesNotHaveOnAnyServer) {
  World world;
  World replica(world);
  const std::string id = world.make_job(Phase::kStarted);
  replica.watch_says(id, world.jobs.get(id));
  EventReader first(world, events_of(id));
  const Event event = first.next();
  EventReader second(replica, events_of(id), event.id);
  auto next = std::make_shared<job::Job>(*world.jobs.get(id));
  next->status.attempts = 2;
  replica.watch_says(id, next);
  EXPECT_EQ(second.next().data["attempts"], 2);
}

TEST(JobEvents, ADeletedJobIsToldAndEndsTheStream) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  EventReader reader(world, events_of(id));
  EXPECT_EQ(reader.next().type, "job");
  EXPECT_EQ(world.remove("/api/v1/job/" + id).status, 200);
  watch_deletion(world, id);
  const Event event = reader.next();
  EXPECT_EQ(event.type, "deleted");
  EXPECT_EQ(event.data, (nlohmann::json{{"job_id", id}}));
  EXPECT_TRUE(reader.ends());
  EXPECT_EQ(EventReader(world, events_of(id)).status(), 404);
}

TEST(JobEvents, RefuseWhatReadingAJobRefuses) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  EXPECT_EQ(EventReader(world, events_of(id), "", "stan").status(), 403);
  EXPECT_EQ(EventReader(world, events_of(id), "", "eve").status(), 404);
  EXPECT_EQ(EventReader(world, events_of("01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d")).status(), 404);
  EXPECT_EQ(EventReader(world, events_of(id), "", "ana", {{"repository_id", "202009231629398695"}}).status(), 404);
  EXPECT_EQ(EventReader(world, kEvents, "", "stan").status(), 403);
  EXPECT_EQ(world.post(kEvents, "text/plain", "").status, 405);
  EXPECT_EQ(world.get(std::string(kEvents) + "?x=1").status, 400);
}

TEST(TenantEvents, BeginWithTheStateAndTellChangesOfThisTenant) {
  World world;
  const std::string ended = world.make_job(Phase::kFinished);
  const std::string id = world.make_job(Phase::kQueued);
  const std::string other = world.make_job(Phase::kQueued, "eve");
  EventReader reader(world, kEvents);
  Event event = reader.next();
  EXPECT_EQ(event.type, "state");
  EXPECT_EQ(event.data["last"], true);
  EXPECT_THAT(ids_of(event.data["jobs"]), UnorderedElementsAre(ended, id));
  for (const auto& job : event.data["jobs"]) EXPECT_EQ(job["job_status"], job["job_id"] == id ? "queued" : "finished");
  EXPECT_FALSE(event.id.empty());
  world.set_status(other, status_in(Phase::kStarted));
  world.set_status(id, status_in(Phase::kStarted));
  event = reader.next();
  EXPECT_EQ(event.type, "job");
  EXPECT_EQ(event.data["job_id"], id);
  expect_as_get(world, event);
  const std::string later = world.make_job(Phase::kStarted);
  EXPECT_EQ(reader.next().data["job_id"], later);
  EventReader of_eve(world, kEvents, "", "eve");
  EXPECT_EQ(ids_of(of_eve.next().data["jobs"]), std::vector{other});
  // An id is a place in the changes of all; it shows nothing of another tenant.
  EventReader with_id_of_other(world, kEvents, event.id, "eve");
  world.set_status(other, status_in(Phase::kStarted, "Retrying"));
  EXPECT_EQ(with_id_of_other.next().data["job_id"], other);
}

TEST(TenantEvents, GoOnAfterTheLastIdOnAnotherServer) {
  World world;
  World replica(world);
  const std::string one = world.make_job(Phase::kQueued);
  const std::string two = world.make_job(Phase::kQueued);
  const auto both_see = [&](const std::string& id, const job::JobStatus& status) {
    world.set_status(id, status);
    replica.watch_says(id, world.jobs.get(id));
  };
  for (const auto& id : {one, two}) replica.watch_says(id, world.jobs.get(id));
  EventReader reader(world, kEvents);
  EXPECT_EQ(reader.next().type, "state");
  both_see(one, status_in(Phase::kStarted));
  const Event known = reader.next();
  both_see(two, status_in(Phase::kStarted));
  both_see(one, status_in(Phase::kStarted, "Retrying"));
  both_see(two, status_in(Phase::kStarted, "Retrying"));
  watch_deletion(replica, two);
  EventReader second(replica, kEvents, known.id);
  const Event event = second.next();
  EXPECT_EQ(event.type, "job");
  EXPECT_EQ(event.data["job_id"], one);
  const Event deleted = second.next();
  EXPECT_EQ(deleted.type, "deleted");
  EXPECT_EQ(deleted.data["job_id"], two);
  EXPECT_EQ(deleted.id, second.last_id());
  both_see(one, status_in(Phase::kStarted, "Other"));
  EventReader third(replica, kEvents, deleted.id);
  EXPECT_EQ(third.next().data["reason"], "Other");
}

TEST(TenantEvents, AnIdThatThisServerDoesNotKnowGetsTheState) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  for (const std::string& value : {std::string("0"), std::string("-1"), std::string("99999999999999999999999"),
                                   std::string("101-0123456789abcdef"), std::string(300, '9'), std::string("\xff\xfe"),
                                   std::string("1 2"), std::string("../x")}) {
    EventReader reader(world, kEvents, value);
    const Event event = reader.next();
    EXPECT_EQ(event.type, "state") << value;
    EXPECT_EQ(ids_of(event.data["jobs"]), std::vector{id});
    EventReader of_job(world, events_of(id), value);
    EXPECT_EQ(of_job.next().type, "job") << value;
  }
}

TEST(TenantEvents, TellAnEndWhenItsRecordIsThereAndNothingBeforeIt) {
  World world;
  const std::string one = world.make_job(Phase::kStarted);
  const std::string two = world.make_job(Phase::kStarted);
  EventReader reader(world, kEvents);
  EXPECT_EQ(reader.next().type, "state");
  world.set_status(one, ended_now(world));
  world.set_status(two, status_in(Phase::kStarted, "Retrying"));
  EventReader begun_meanwhile(world, kEvents);
  // Another request has been served, so these could have been.
  EXPECT_EQ(world.get("/api/v1/job/" + one).json()["job_status"], "started");
  EXPECT_FALSE(reader.has_more());
  world.record(one);
  const Event event = reader.next();
  EXPECT_EQ(event.data["job_id"], one);
  EXPECT_EQ(event.data["job_status"], "finished");
  EXPECT_EQ(reader.next().data["job_id"], two);
  const Event state = begun_meanwhile.next();
  for (const auto& job : state.data["jobs"])
    EXPECT_EQ(job["job_status"], job["job_id"] == one ? "finished" : "started");
  // The resource goes when its time is over; the job is there.
  world.archive(one);
  world.set_status(two, status_in(Phase::kStarted, "Other"));
  EXPECT_EQ(reader.next().data["reason"], "Other");
}

TEST(TenantEvents, AJobWithoutResourceAndFolderWasDeleted) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  EventReader reader(world, kEvents);
  EXPECT_EQ(reader.next().type, "state");
  EXPECT_EQ(world.remove("/api/v1/job/" + id).status, 200);
  // Another server has deleted it: the state of this one, whose watch is late, does not have it.
  EventReader late(world, kEvents);
  EXPECT_EQ(late.next().data, (nlohmann::json{{"jobs", nlohmann::json::array()}, {"last", true}}));
  world.watch_says(id, nullptr);
  EXPECT_EQ(reader.next().type, "deleted");
}

TEST(TenantEvents, TellALongStateInParts) {
  World world;
  std::set<std::string> made;
  const auto known = world.jobs.get(world.make_job(Phase::kStarted));
  made.insert(known->meta.name);
  for (int i = 100; i < 279; ++i) {
    auto job = std::make_shared<job::Job>(*known);
    job->meta.name.replace(33, 3, std::to_string(i));
    job->meta.uid += std::to_string(i);
    job->meta.labels.clear();  // as one made with kubectl, whose folder is not there yet
    made.insert(job->meta.name);
    world.watch_says(job->meta.name, job);
  }
  EventReader reader(world, kEvents);
  std::set<std::string> told;
  std::size_t parts = 0;
  for (bool last = false; !last; ++parts) {
    const Event event = reader.next();
    ASSERT_EQ(event.type, "state");
    last = event.data["last"];
    // A client that loses the connection in between has no id, and gets the whole state.
    EXPECT_EQ(event.id.empty(), !last);
    for (const auto& id : ids_of(event.data["jobs"])) EXPECT_TRUE(told.insert(id).second);
  }
  EXPECT_EQ(told, made);
  EXPECT_GE(parts, 3u);
}

TEST(TenantEvents, ShowThatTheyLiveAndEndWhenTheKeyIsRevoked) {
  World world(std::chrono::milliseconds(20));
  const std::string id = world.make_job(Phase::kStarted);
  EventReader reader(world, kEvents);
  EventReader of_job(world, events_of(id));
  EXPECT_EQ(reader.next().type, "state");
  EXPECT_EQ(of_job.next().type, "job");
  EXPECT_TRUE(reader.beats());
  EXPECT_TRUE(of_job.beats());
  // A quiet tenant gets the place in the changes of the others, so that this server knows it for longer.
  const std::string before = reader.last_id();
  world.set_status(world.make_job(Phase::kQueued, "eve"), status_in(Phase::kStarted));
  while (reader.last_id() == before) ASSERT_TRUE(reader.beats());
  EventReader later(world, kEvents, reader.last_id());
  world.set_status(id, status_in(Phase::kStarted, "Retrying"));
  EXPECT_EQ(later.next().data["reason"], "Retrying");
  EXPECT_EQ(of_job.next().data["reason"], "Retrying");
  EXPECT_EQ(reader.next().data["reason"], "Retrying");
  auto client = std::make_shared<job::Client>(*world.clients.get("acme"));
  client->members.erase(client->members.begin());
  world.clients.put("acme", client);
  EXPECT_TRUE(reader.ends());
  EXPECT_TRUE(of_job.ends());
}

TEST(TenantEvents, ATenantHasHalfOfTheStreams) {
  http::HttpOptions options;
  options.max_streams = 4;
  World world(Limits{}, options);
  const std::string id = world.make_job(Phase::kStarted);
  EventReader one(world, kEvents);
  auto two = std::make_unique<EventReader>(world, events_of(id));
  EXPECT_EQ(one.next().type, "state");
  EXPECT_EQ(two->next().type, "job");
  const HttpReply refused = world.get(kEvents);
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("half of --max-streams"));
  EXPECT_FALSE(refused.header("Retry-After").empty());
  EXPECT_EQ(refused.header("RateLimit-Policy"), R"("streams";q=2;qu="concurrent-requests")");
  EXPECT_EQ(refused.header("RateLimit"), R"("streams";r=0;t=1)");
  EXPECT_EQ(world.get(events_of(id)).status, 429);
  EXPECT_THAT(world.metrics.render(), HasSubstr("vbrain_api_streams_refused_total 2"));
  EventReader of_eve(world, kEvents, "", "eve");
  EXPECT_EQ(of_eve.next().type, "state");
  // A client that goes makes room.
  two->client().close();
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (EventReader(world, kEvents).status() != 200) ASSERT_LT(std::chrono::steady_clock::now(), end);
}

// No queue grows for it: of the states of a job the last one is left.
TEST(TenantEvents, AClientThatReadsNothingGetsTheLatestState) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  EventReader reader(world, kEvents, "", "ana", {}, 4096);
  EventReader of_job(world, events_of(id), "", "ana", {}, 4096);
  constexpr int kChanges = 20'000;
  job::JobStatus status = status_in(Phase::kStarted, "Retrying");
  status.message = std::string(500, 'x');
  for (int attempt = 2; attempt <= kChanges; ++attempt) {
    status.attempts = attempt;
    world.set_status(id, status);
  }
  EXPECT_EQ(reader.next().type, "state");
  for (EventReader* each : {&reader, &of_job}) {
    int told = 0;
    for (int attempts = 1; attempts < kChanges; ++told) {
      const Event event = each->next();
      ASSERT_TRUE(event.type == "job" || event.type == "state");
      attempts = event.type == "job" ? event.data["attempts"].get<int>() : event.data["jobs"][0]["attempts"].get<int>();
    }
    EXPECT_LT(told, kChanges / 2);
  }
}

// VBRAIN_TEST_STREAMS: another number of streams. The clients are in this process, too; each is a socket.
TEST(TenantEvents, CostLittleMemoryAndAChangeIsRenderedOnce) {
  const char* given = std::getenv("VBRAIN_TEST_STREAMS");
  const std::size_t count = given == nullptr ? 100 : std::strtoul(given, nullptr, 10);
  http::HttpOptions options;
  options.max_connections = 2 * count + 10;
  options.max_streams = 2 * count;
  World world(Limits{}, options);
  const std::string id = world.make_job(Phase::kStarted);
  std::deque<EventReader> readers;
  const std::size_t before = mallinfo2().uordblks;
  for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(readers.emplace_back(world, kEvents).next().type, "state");
  const std::size_t allocated = (mallinfo2().uordblks - before) / count;
  const auto begun = std::chrono::steady_clock::now();
  world.set_status(id, status_in(Phase::kStarted, "Retrying"));
  for (EventReader& reader : readers) ASSERT_EQ(reader.next().data["reason"], "Retrying");
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
  std::printf("%zu streams: %zu bytes were allocated for each, with its client; a change was told to all in %.0f ms\n",
              count, allocated, took.count());
  EXPECT_LE(allocated, 64U << 10);
}

TEST(TenantEvents, AStoppingServerEndsThem) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  EventReader reader(world, kEvents);
  EventReader of_job(world, events_of(id));
  EXPECT_EQ(reader.next().type, "state");
  EXPECT_EQ(of_job.next().type, "job");
  auto drained = std::async(std::launch::async, [&] { return world.server->drain(std::chrono::seconds(10)); });
  EXPECT_TRUE(reader.ends());
  EXPECT_TRUE(of_job.ends());
  reader.client().close();
  of_job.client().close();
  EXPECT_TRUE(drained.get());
}

}  // namespace
}  // namespace vbrain::api
