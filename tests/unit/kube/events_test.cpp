#include "kube/api/events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <map>

#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"

namespace vbrain::kube {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using ::testing::HasSubstr;

ObjectReference job(const std::string& name) {
  return {"vbrain.visagio.com/v1", "Job", "ns", name, "uid-" + name, "7"};
}

class EventsTest : public ::testing::Test {
 protected:
  EventOptions options() {
    EventOptions made;
    made.instance = "controller-0";
    made.max_queued = 3;
    made.retry_delay = 1ms;
    return made;
  }
  std::vector<json> written() const {
    std::vector<json> bodies;
    for (const auto& request : server_.requests()) {
      if (request.method == "POST") bodies.push_back(json::parse(request.body));
    }
    return bodies;
  }
  std::vector<json> patches() const {
    std::vector<json> bodies;
    for (const auto& request : server_.requests()) {
      if (request.method == "PATCH") bodies.push_back(json::parse(request.body));
    }
    return bodies;
  }

  testing::FakeApiServer server_;
  testing::ManualClock clock_;
  base::Metrics metrics_;
  ApiClient client_{server_};
};

TEST_F(EventsTest, WritesWhatAPersonNeeds) {
  EventRecorder recorder(client_, options(), metrics_, clock_);
  recorder.record(job("a"), EventKind::kWarning, "Failed", "exit code 3", "Finish");
  recorder.flush();
  ASSERT_EQ(written().size(), 1u);
  const json event = written()[0];
  EXPECT_EQ(event["apiVersion"], "events.k8s.io/v1");
  EXPECT_EQ(event["regarding"]["kind"], "Job");
  EXPECT_EQ(event["regarding"]["name"], "a");
  EXPECT_EQ(event["regarding"]["uid"], "uid-a");
  EXPECT_EQ(event["regarding"]["apiVersion"], "vbrain.visagio.com/v1");
  EXPECT_EQ(event["type"], "Warning");
  EXPECT_EQ(event["reason"], "Failed");
  EXPECT_EQ(event["note"], "exit code 3");
  EXPECT_EQ(event["action"], "Finish");
  EXPECT_EQ(event["reportingController"], "vbrain.visagio.com/controller");
  EXPECT_EQ(event["reportingInstance"], "controller-0");
  EXPECT_THAT(event["metadata"]["name"].get<std::string>(), ::testing::MatchesRegex("a\\.[0-9a-f]+"));
  EXPECT_EQ(event["metadata"]["namespace"], "ns");
}

TEST_F(EventsTest, TheSameAgainIsCountedInASeries) {
  EventRecorder recorder(client_, options(), metrics_, clock_);
  const auto record = [&](int times, const char* note) {
    for (int i = 0; i < times; ++i) {
      recorder.record(job("a"), EventKind::kNormal, "Pulling", note, "Start");
      recorder.flush();
    }
  };
  record(50, "image x");
  EXPECT_EQ(written().size(), 1u);
  ASSERT_EQ(patches().size(), 1u) << "the first repetition at once, the others later";
  EXPECT_EQ(patches()[0]["series"]["count"], 2);
  clock_.advance(60s);
  record(1, "image x");
  ASSERT_EQ(patches().size(), 2u);
  EXPECT_EQ(patches()[1]["series"]["count"], 51);
  record(1, "image y");
  EXPECT_EQ(written().size(), 2u);
}

TEST_F(EventsTest, AnEventThatTheServerForgotBeginsAnew) {
  EventRecorder recorder(client_, options(), metrics_, clock_);
  const auto record = [&] {
    recorder.record(job("a"), EventKind::kNormal, "Pulling", "x", "Start");
    recorder.flush();
  };
  record();
  server_.erase("/apis/events.k8s.io/v1/namespaces/ns/events/" + written()[0]["metadata"]["name"].get<std::string>());
  clock_.advance(2h);
  record();
  EXPECT_EQ(written().size(), 2u);
  record();
  EXPECT_EQ(written().size(), 2u);
}

TEST_F(EventsTest, AnEventThatSomebodyElseChangedBeginsAnew) {
  EventRecorder recorder(client_, options(), metrics_, clock_);
  const auto record = [&] {
    clock_.advance(2min);
    recorder.record(job("a"), EventKind::kNormal, "Pulling", "x", "Start");
    recorder.flush();
  };
  record();
  record();
  record();
  ASSERT_EQ(patches().size(), 2u) << "our own changes are no conflict";
  EXPECT_EQ(written().size(), 1u);
  const std::string events = "/apis/events.k8s.io/v1/namespaces/ns/events";
  json other = server_.object(events + "/" + written()[0]["metadata"]["name"].get<std::string>());
  EXPECT_EQ(other["series"]["count"], 3);
  server_.put(events, other);
  record();
  EXPECT_EQ(written().size(), 2u);
  EXPECT_EQ(server_.object(events + "/" + written()[0]["metadata"]["name"].get<std::string>())["series"]["count"], 3);
}

TEST_F(EventsTest, EventsOfDifferentObjectsDoNotWaitForEachOther) {
  EventOptions four = options();
  four.max_queued = 10;
  std::latch together(4);
  server_.set_before([&](const Request& request) {
    if (request.body.find("\"first\"") != std::string::npos) together.arrive_and_wait();
    return std::optional<Error>();
  });
  EventRecorder recorder(client_, four, metrics_, clock_);
  for (const char* name : {"a", "b", "c", "d"}) {
    recorder.record(job(name), EventKind::kWarning, "R", "first", "A");
    recorder.record(job(name), EventKind::kWarning, "R", "second", "A");
  }
  recorder.flush();
  std::map<std::string, std::vector<std::string>> notes;
  for (const json& event : written()) notes[event["regarding"]["name"]].push_back(event["note"]);
  EXPECT_EQ(notes.size(), 4u);
  for (const auto& [name, of_object] : notes) {
    EXPECT_EQ(of_object, (std::vector<std::string>{"first", "second"})) << "those of one object are in order";
  }
}

TEST_F(EventsTest, DropsRatherThanBlocks) {
  std::latch entered(1);
  std::latch release(1);
  server_.set_before([&](const Request&) {
    entered.count_down();
    release.wait();
    return std::optional<Error>();
  });
  EventRecorder recorder(client_, options(), metrics_, clock_);
  recorder.record(job("a"), EventKind::kNormal, "R", "0", "A");
  entered.wait();
  server_.set_before({});
  for (int i = 1; i <= 5; ++i) recorder.record(job("a"), EventKind::kNormal, "R", std::to_string(i), "A");
  for (int i = 6; i <= 7; ++i) recorder.record(job("a"), EventKind::kWarning, "R", std::to_string(i), "A");
  release.count_down();
  recorder.flush();
  ASSERT_EQ(written().size(), 4u) << "one under way and three that waited";
  EXPECT_EQ(written()[3]["note"], "6") << "normal events leave room for warnings";
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_events_dropped_total 4"));
}

TEST_F(EventsTest, ManyNormalEventsAtOnceAreLeftOutAndWarningsNever) {
  EventOptions few = options();
  few.normal_burst = 3;
  few.normal_interval = 200ms;
  EventRecorder recorder(client_, few, metrics_, clock_);
  const auto record = [&](EventKind kind, int number) {
    recorder.record(job("a"), kind, "R", std::to_string(number), "A");
    recorder.flush();
  };
  for (int i = 0; i < 5; ++i) record(EventKind::kNormal, i);
  for (int i = 5; i < 10; ++i) record(EventKind::kWarning, i);
  clock_.advance(400ms);
  for (int i = 10; i < 15; ++i) record(EventKind::kNormal, i);
  std::vector<std::string> notes;
  for (const json& event : written()) notes.push_back(event["note"]);
  EXPECT_EQ(notes, (std::vector<std::string>{"0", "1", "2", "5", "6", "7", "8", "9", "10", "11"}));
  EXPECT_NE(metrics_.render().find("vbrain_events_limited_total 5"), std::string::npos);
}

TEST_F(EventsTest, EventsThatAreNotFlushedInTimeAreDropped) {
  std::latch entered(1);
  std::latch release(1);
  server_.set_before([&](const Request&) {
    entered.count_down();
    release.wait();
    return std::optional<Error>();
  });
  {
    EventRecorder recorder(client_, options(), metrics_, clock_);
    recorder.record(job("a"), EventKind::kNormal, "R", "under way", "A");
    entered.wait();
    server_.set_before({});
    recorder.record(job("a"), EventKind::kNormal, "R", "too late", "A");
    recorder.flush_or_drop(1ms);
    release.count_down();
    recorder.record(job("a"), EventKind::kNormal, "R", "of the next term", "A");
    recorder.flush_or_drop(10s);
  }
  ASSERT_EQ(written().size(), 2u);
  EXPECT_EQ(written()[0]["note"], "under way");
  EXPECT_EQ(written()[1]["note"], "of the next term");
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_events_dropped_total 1"));
}

TEST_F(EventsTest, ARefusedEventIsCountedAndForgotten) {
  server_.set_before(
      [](const Request&) { return std::optional(Error{.code = ErrorCode::kForbidden, .message = "no"}); });
  EventRecorder recorder(client_, options(), metrics_, clock_);
  recorder.record(job("a"), EventKind::kNormal, "R", "n", "A");
  recorder.flush();
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_events_refused_total 1"));
  server_.set_before({});
  recorder.record(job("a"), EventKind::kNormal, "R", "n", "A");
  recorder.flush();
  EXPECT_EQ(written().size(), 1u);
}

TEST_F(EventsTest, AnEventThatTheServerCannotTakeNowIsTriedAgain) {
  std::atomic<int> left = 3;
  server_.set_before([&](const Request&) {
    return left-- > 0 ? std::optional(Error{.code = ErrorCode::kTooManyRequests}) : std::optional<Error>();
  });
  EventRecorder recorder(client_, options(), metrics_, clock_);
  recorder.record(job("a"), EventKind::kWarning, "R", "n", "A");
  recorder.record(job("b"), EventKind::kWarning, "R", "n", "A");
  recorder.flush();
  ASSERT_EQ(server_.objects("/apis/events.k8s.io/v1/namespaces/ns/events").items.size(), 2u);
  left = 1;
  recorder.record(job("a"), EventKind::kWarning, "R", "n", "A");
  recorder.flush();
  ASSERT_FALSE(patches().empty());
  EXPECT_EQ(patches().back()["series"]["count"], 2) << "tries are not counted";
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_events_refused_total 0"));
}

TEST_F(EventsTest, TriesHaveAnEnd) {
  std::atomic<int> tries = 0;
  server_.set_before([&](const Request&) {
    ++tries;
    return std::optional(Error{.code = ErrorCode::kUnavailable});
  });
  EventRecorder recorder(client_, options(), metrics_, clock_);
  recorder.record(job("a"), EventKind::kWarning, "R", "n", "A");
  recorder.flush();
  EXPECT_EQ(tries, 5);
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_events_refused_total 1"));
}

TEST_F(EventsTest, LongTextsAreCutBetweenCharacters) {
  EventRecorder recorder(client_, options(), metrics_, clock_);
  std::string note = "x";
  while (note.size() < 3'000) note += "\xC3\xA9";
  recorder.record(job(std::string(250, 'n')), EventKind::kNormal, "R", note, "A");
  recorder.flush();
  const json event = written().at(0);
  EXPECT_EQ(event["note"].get<std::string>().size(), 1'023u);
  EXPECT_LE(event["metadata"]["name"].get<std::string>().size(), 253u);
}

TEST_F(EventsTest, RemembersABoundedNumber) {
  EventOptions few = options();
  few.max_remembered = 2;
  EventRecorder recorder(client_, few, metrics_, clock_);
  for (const char* name : {"a", "b", "c", "a"}) {
    recorder.record(job(name), EventKind::kNormal, "R", "n", "A");
    recorder.flush();
    clock_.advance(1s);
  }
  EXPECT_EQ(written().size(), 4u);
}

TEST_F(EventsTest, QueuedEventsAreWrittenAtTheEnd) {
  {
    EventRecorder recorder(client_, options(), metrics_, clock_);
    recorder.record(job("a"), EventKind::kNormal, "R", "n", "A");
  }
  EXPECT_EQ(written().size(), 1u);
}

}  // namespace
}  // namespace vbrain::kube
