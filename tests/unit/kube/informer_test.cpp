#include "kube/cache/informer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <mutex>

#include "base/threads/stop.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/scripted_transport.hpp"
#include "unit/kube/things.hpp"

namespace vbrain::kube {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Error gone() {
  return error_from_response(410, R"({"kind":"Status","code":410,"reason":"Expired","message":"old"})");
}
Error broken() {
  return {.code = ErrorCode::kUnavailable, .reason = "Connection", .message = "reset"};
}

// An informer with a scripted transport: runs it to its end, and records events, requests and waits.
class InformerScript : public ::testing::Test {
 protected:
  void run() {
    InformerOptions options;
    options.page_size = 2;
    options.forget_undecodable = forget_undecodable_;
    options.seed = 7;
    options.sleep = [this](std::stop_token stop, std::chrono::nanoseconds time) {
      if (transport_->over().stop_requested()) return base::sleep_for(stop, std::chrono::hours(1));
      pauses_.push_back(std::chrono::duration_cast<milliseconds>(time));
      return !stop.stop_requested();
    };
    Informer<Thing> informer(*transport_, "ns", selector_, metrics_, options);
    informer.add_handler([this](const Change<Thing>& change) {
      const auto text = [](const auto& thing) { return thing ? thing->meta.name + "=" + thing->value : "-"; };
      changes_.push_back(text(change.old) + ">" + text(change.now));
    });
    std::promise<void> over;
    const std::stop_callback notify(transport_->over(), [&over] { over.set_value(); });
    informer.start();
    over.get_future().wait();
    informer.stop();
    synced_ = informer.synced();
    contact_ = informer.last_contact();
    for (const auto& thing : informer.store().list()) store_.push_back(thing->meta.name + "=" + thing->value);
    std::ranges::sort(store_);
  }

  std::vector<std::string> targets() const {
    std::vector<std::string> targets;
    for (const auto& request : transport_->requests()) targets.push_back(request.target);
    return targets;
  }

  std::optional<testing::ScriptedTransport> transport_{std::in_place};
  base::Metrics metrics_;
  std::string selector_;
  bool forget_undecodable_ = false;
  std::vector<std::string> changes_;
  std::vector<std::string> store_;
  std::vector<milliseconds> pauses_;
  bool synced_ = false;
  base::SteadyPoint contact_;
};

TEST_F(InformerScript, ListsPageByPageThenWatchesFromTheListsVersion) {
  selector_ = "a=b";
  transport_->answer(list_json(10, {stored_thing("a", "1", 3), stored_thing("b", "1", 4)}, "next"));
  transport_->answer(list_json(10, {stored_thing("c", "1", 5)}));
  transport_->watch({event_json("MODIFIED", stored_thing("a", "2", 11)),
                     event_json("DELETED", stored_thing("b", "1", 12)),
                     event_json("ADDED", stored_thing("d", "1", 13))});
  run();
  EXPECT_TRUE(synced_);
  EXPECT_THAT(changes_, ElementsAre("->a=1", "->b=1", "->c=1", "a=1>a=2", "b=1>-", "->d=1"));
  EXPECT_THAT(store_, ElementsAre("a=2", "c=1", "d=1"));
  ASSERT_EQ(targets().size(), 3u);
  EXPECT_EQ(targets()[0], kThings + "?labelSelector=a%3Db&limit=2");
  EXPECT_EQ(targets()[1], kThings + "?labelSelector=a%3Db&limit=2&continue=next");
  EXPECT_THAT(targets()[2], HasSubstr("watch=true&allowWatchBookmarks=true&labelSelector=a%3Db&resourceVersion=10"));
  EXPECT_THAT(pauses_, IsEmpty());
}

TEST_F(InformerScript, NeverAsksForACachedList) {
  transport_->answer(list_json(10, {}));
  run();
  EXPECT_THAT(targets()[0], Not(HasSubstr("resourceVersion")));
}

TEST_F(InformerScript, GoesOnWhereTheWatchEnded) {
  transport_->answer(list_json(10, {stored_thing("a", "1", 3)}));
  transport_->watch({event_json("MODIFIED", stored_thing("a", "2", 11))});
  transport_->answer(list_json(11, {}));  // is the history still the same?
  transport_->watch({bookmark_json(20), event_json("MODIFIED", stored_thing("a", "3", 21))}, tl::unexpected(broken()));
  transport_->answer(list_json(21, {}));
  transport_->watch({bookmark_json(30), event_json("DELETED", stored_thing("a", "3", 31))});
  transport_->answer(list_json(31, {}));
  transport_->watch({});
  run();
  EXPECT_THAT(changes_, ElementsAre("->a=1", "a=1>a=2", "a=2>a=3", "a=3>-"));
  EXPECT_THAT(targets()[3], HasSubstr("resourceVersion=11&"));
  EXPECT_THAT(targets()[5], HasSubstr("resourceVersion=21&"));
  EXPECT_THAT(targets()[7], HasSubstr("resourceVersion=31&"));
  // A watch that ended after events is reopened at once; the last one ended without an event.
  EXPECT_EQ(pauses_.size(), 1u);
}

TEST_F(InformerScript, ABookmarkMovesTheVersionOn) {
  transport_->answer(list_json(10, {}));
  transport_->watch({bookmark_json(500)});
  transport_->answer(list_json(500, {}));
  transport_->watch({});
  run();
  EXPECT_THAT(targets()[3], HasSubstr("resourceVersion=500&"));
  EXPECT_THAT(changes_, IsEmpty());
}

TEST_F(InformerScript, HalfALineIsNotAnEvent) {
  transport_->answer(list_json(10, {}));
  const std::string event = event_json("ADDED", stored_thing("a", "1", 11));
  transport_->watch({event.substr(0, 30)}, tl::unexpected(broken()));
  transport_->answer(list_json(10, {}));
  transport_->watch({event.substr(0, 5), event.substr(5)});
  run();
  EXPECT_THAT(changes_, ElementsAre("->a=1"));
  EXPECT_THAT(targets()[3], HasSubstr("resourceVersion=10&"));
}

TEST_F(InformerScript, GoneListsAgainAndTellsTheDifferences) {
  for (const bool as_event : {true, false}) {
    SCOPED_TRACE(as_event);
    changes_.clear();
    store_.clear();
    transport_.emplace();
    transport_->answer(list_json(10, {stored_thing("same", "1", 3), stored_thing("changed", "1", 4)}, "next"));
    transport_->answer(list_json(10, {stored_thing("removed", "1", 5), stored_thing("again", "1", 6, "old")}));
    if (as_event) {
      transport_->watch({event_json("ERROR", {{"kind", "Status"}, {"code", 410}, {"reason", "Expired"}})});
    } else {
      transport_->watch({}, tl::unexpected(gone()));
    }
    transport_->answer(list_json(90, {stored_thing("changed", "2", 80), stored_thing("new", "1", 81)}, "next"));
    transport_->answer(list_json(90, {stored_thing("same", "1", 3), stored_thing("again", "2", 70, "new")}));
    transport_->watch({});
    run();
    EXPECT_THAT(changes_, ElementsAre("->same=1", "->changed=1", "->removed=1", "->again=1", "changed=1>changed=2",
                                      "->new=1", "again=1>again=2", "removed=1>-"));
    EXPECT_THAT(targets()[5], HasSubstr("resourceVersion=90&"));
  }
}

TEST_F(InformerScript, ThreeTimesGoneInARowBacksOff) {
  for (int i = 0; i < 3; ++i) {
    transport_->answer(list_json(10, {}));
    transport_->watch({}, tl::unexpected(gone()));
  }
  run();
  ASSERT_EQ(pauses_.size(), 2u);
  EXPECT_GE(pauses_[0], milliseconds(800));
}

TEST_F(InformerScript, TheFirstGoneAfterAnOutageListsAtOnce) {
  transport_->answer(list_json(10, {}));
  transport_->watch({bookmark_json(11)}, tl::unexpected(broken()));
  for (int i = 0; i < 5; ++i) transport_->refuse(broken());
  transport_->answer(list_json(90, {}));  // is the history still the same?
  transport_->watch({}, tl::unexpected(gone()));
  transport_->answer(list_json(90, {stored_thing("a", "1", 80)}));
  transport_->watch({}, tl::unexpected(gone()));
  run();
  EXPECT_THAT(changes_, ElementsAre("->a=1"));
  // One wait after the watch that ended at once, five while the server was unreachable, one after the second 410.
  ASSERT_EQ(pauses_.size(), 7u);
  EXPECT_EQ(pauses_[6], milliseconds(800)) << "as after a first failure";
}

TEST_F(InformerScript, AnExpiredContinueTokenStartsTheListAgain) {
  transport_->answer(list_json(10, {stored_thing("a", "1", 3), stored_thing("gone", "1", 4)}, "next"));
  transport_->refuse(gone());
  transport_->answer(list_json(20, {stored_thing("a", "1", 3)}));
  transport_->watch({});
  run();
  EXPECT_THAT(changes_, ElementsAre("->a=1", "->gone=1", "gone=1>-"));
  EXPECT_EQ(targets()[2], kThings + "?limit=2");
  EXPECT_THAT(targets()[3], HasSubstr("resourceVersion=20&"));
  EXPECT_TRUE(synced_);
}

TEST_F(InformerScript, IsNotSyncedBeforeTheLastPage) {
  transport_->answer(list_json(10, {stored_thing("a", "1", 3)}, "next"));
  run();
  EXPECT_FALSE(synced_);
}

TEST_F(InformerScript, BacksOffWhileTheServerIsAwayAndStartsAnewAfterAnEvent) {
  for (int i = 0; i < 8; ++i) transport_->refuse(broken());
  transport_->answer(list_json(10, {}));
  transport_->watch({event_json("ADDED", stored_thing("a", "1", 11))});
  transport_->refuse(broken());
  run();
  ASSERT_EQ(pauses_.size(), 9u);
  for (std::size_t i = 0; i < 8; ++i) {
    const auto full = std::min(milliseconds(800) * (1 << i), milliseconds(30'000));
    EXPECT_LE(pauses_[i], full) << i;
    EXPECT_GE(pauses_[i], std::max(milliseconds(800), full / 2)) << i;
  }
  EXPECT_EQ(pauses_[8], milliseconds(800));
}

TEST_F(InformerScript, KnowsWhenTheServerSpokeLast) {
  transport_->refuse(broken());
  run();
  EXPECT_EQ(contact_, base::SteadyPoint()) << "a failure is no word";
  transport_.emplace();
  const auto begin = std::chrono::steady_clock::now();
  transport_->answer(list_json(10, {}));
  transport_->watch({bookmark_json(20)});
  run();
  EXPECT_GE(contact_, begin);
}

TEST_F(InformerScript, WaitsAsLongAsTheServerAsksButNotForEver) {
  Error busy{.code = ErrorCode::kTooManyRequests, .http_status = 429, .retry_after = std::chrono::seconds(5)};
  transport_->refuse(busy);
  busy.retry_after = std::chrono::hours(1);
  transport_->refuse(busy);
  transport_->answer(list_json(10, {}));
  run();
  EXPECT_THAT(pauses_, ElementsAre(milliseconds(5'000), milliseconds(30'000)));
}

TEST_F(InformerScript, AWatchThatEndsAtOnceIsNotAskedForInACircle) {
  transport_->answer(list_json(10, {}));
  transport_->watch({});
  transport_->answer(list_json(10, {}));
  transport_->watch({});
  run();
  ASSERT_EQ(pauses_.size(), 2u);
  EXPECT_GE(pauses_[1], milliseconds(800));
}

TEST_F(InformerScript, AfterARestoreTheSameVersionMayHaveOtherContent) {
  transport_->answer(list_json(1'000, {stored_thing("a", "late", 900)}));
  transport_->watch({bookmark_json(1'001)}, tl::unexpected(broken()));
  transport_->answer(list_json(999, {}));  // etcd was restored from a snapshot
  transport_->answer(list_json(999, {stored_thing("a", "early", 400)}));
  transport_->watch({}, tl::unexpected(gone()));
  transport_->answer(list_json(998, {stored_thing("a", "earlier", 400)}));  // restored again, seen by the list itself
  transport_->watch({}, tl::unexpected(gone()));
  transport_->answer(list_json(1'000, {stored_thing("a", "earlier", 400)}));
  transport_->watch({});
  run();
  EXPECT_THAT(changes_, ElementsAre("->a=late", "a=late>a=early", "a=early>a=earlier"));
}

TEST_F(InformerScript, ListsAgainWhenItsVersionIsTooLarge) {
  transport_->answer(list_json(10, {}));
  transport_->watch({}, tl::unexpected(error_from_response(
                            504, R"({"kind":"Status","reason":"Timeout","message":"Too large resource version",
                                    "details":{"causes":[{"reason":"ResourceVersionTooLarge"}]}})")));
  transport_->answer(list_json(5, {}));
  transport_->watch({});
  run();
  EXPECT_THAT(targets()[3], HasSubstr("resourceVersion=5&"));
}

TEST_F(InformerScript, EventsThatComeAgainAreNotTold) {
  transport_->answer(list_json(10, {stored_thing("a", "1", 9)}));
  transport_->watch(
      {event_json("ADDED", stored_thing("a", "1", 9)), event_json("MODIFIED", stored_thing("a", "3", 101)),
       event_json("MODIFIED", stored_thing("a", "2", 99)), event_json("DELETED", stored_thing("a", "2", 100)),
       event_json("ADDED", stored_thing("a", "3", 101)), event_json("DELETED", stored_thing("b", "1", 102)),
       event_json("DELETED", stored_thing("a", "3", 103)), event_json("DELETED", stored_thing("a", "3", 103))});
  run();
  EXPECT_THAT(changes_, ElementsAre("->a=1", "a=1>a=3", "a=3>-"));
}

TEST_F(InformerScript, ANewObjectOfTheSameNameIsTold) {
  transport_->answer(list_json(10, {stored_thing("a", "1", 9, "first")}));
  transport_->watch({event_json("ADDED", stored_thing("a", "2", 12, "second"))});
  run();
  EXPECT_THAT(changes_, ElementsAre("->a=1", "a=1>a=2"));
}

TEST_F(InformerScript, OnePoisonedObjectDoesNotStopTheOthers) {
  transport_->answer(list_json(10, {stored_thing("bad", 7, 3), stored_thing("good", "1", 4)}));
  transport_->watch({event_json("MODIFIED", stored_thing("good", {{"x", 1}}, 11)),
                     event_json("ADDED", stored_thing("other", "1", 12)),
                     event_json("MODIFIED", stored_thing("bad", "cured", 13))});
  transport_->answer(list_json(13, {}));
  transport_->watch({}, tl::unexpected(gone()));
  transport_->answer(
      list_json(20, {stored_thing("good", nlohmann::json::array(), 19), stored_thing("bad", "cured", 13)}));
  transport_->watch({});
  run();
  EXPECT_THAT(changes_, ElementsAre("->good=1", "->other=1", "->bad=cured", "other=1>-"));
  EXPECT_THAT(store_, ElementsAre("bad=cured", "good=1"));
  EXPECT_THAT(targets()[3], HasSubstr("resourceVersion=13&"));
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_kube_malformed_objects_total{resource=\"things\"} 3"));
}

TEST_F(InformerScript, AnObjectThatCannotBeDecodedAnyMoreMayCountAsDeleted) {
  forget_undecodable_ = true;
  transport_->answer(list_json(10, {stored_thing("a", "1", 3), stored_thing("b", "1", 4)}));
  transport_->watch(
      {event_json("MODIFIED", stored_thing("a", {{"x", 1}}, 11)), event_json("MODIFIED", stored_thing("a", "2", 12))},
      tl::unexpected(gone()));
  transport_->answer(list_json(20, {stored_thing("a", "2", 12), stored_thing("b", nlohmann::json::array(), 19)}));
  transport_->watch({});
  run();
  EXPECT_THAT(changes_, ElementsAre("->a=1", "->b=1", "a=1>-", "->a=2", "b=1>-"));
  EXPECT_THAT(store_, ElementsAre("a=2"));
  EXPECT_THAT(metrics_.render(), HasSubstr("vbrain_kube_malformed_objects_total{resource=\"things\"} 2"));
}

TEST_F(InformerScript, ListsAgainWhenTheWatchIsNotOne) {
  for (const char* line :
       {"<html>\n", "{\"type\":\"ADDED\",\"object\":{}}\n", "{\"type\":\"BOOKMARK\",\"object\":{}}\n"}) {
    SCOPED_TRACE(line);
    transport_.emplace();
    pauses_.clear();
    transport_->answer(list_json(10, {}));
    transport_->watch({line});
    transport_->answer(list_json(20, {}));
    transport_->watch({});
    run();
    EXPECT_THAT(targets()[3], HasSubstr("resourceVersion=20&"));
    EXPECT_GE(pauses_.size(), 1u);
  }
}

TEST_F(InformerScript, AListThatIsNoneIsAskedForAgain) {
  for (const char* body : {"", "{}", "<html>", R"({"items":[{"metadata":{}}],"metadata":{"resourceVersion":"1"}})"}) {
    transport_->answer(body);
  }
  transport_->answer(list_json(10, {}));
  transport_->watch({});
  run();
  EXPECT_TRUE(synced_);
  EXPECT_GE(pauses_.size(), 4u);
}

TEST_F(InformerScript, TooLargePagesAreHalved) {
  const Error too_large{.code = ErrorCode::kTooLarge, .message = "too large"};
  transport_->refuse(too_large);
  transport_->answer(list_json(10, {stored_thing("a", "1", 3)}, "next"));
  transport_->answer(list_json(10, {stored_thing("b", "1", 4)}));
  transport_->watch({});
  run();
  EXPECT_THAT(store_, ElementsAre("a=1", "b=1"));
  EXPECT_EQ(targets()[1], kThings + "?limit=1");
  EXPECT_EQ(targets()[2], kThings + "?limit=1&continue=next");
}

// The objects as the handlers reported them.
class Mirror {
 public:
  void take(const Change<Thing>& change) {
    const std::lock_guard lock(mutex_);
    if (change.old) {
      EXPECT_EQ(things_[change.old->meta.name], change.old->meta.resource_version);
    }
    if (change.now) {
      EXPECT_EQ(things_.contains(change.now->meta.name), change.old != nullptr);
      things_[change.now->meta.name] = change.now->meta.resource_version;
    } else {
      things_.erase(change.old->meta.name);
    }
    changed_.notify_all();
  }
  // True as soon as the mirror equals `want`; false if it does not within 30 s.
  bool becomes(const std::map<std::string, std::string>& want) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30), [&] { return things_ == want; });
  }
  std::map<std::string, std::string> things() const {
    const std::lock_guard lock(mutex_);
    return things_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::string> things_;
};

TEST(Informer, FollowsAServerThroughBrokenWatchesAndCompaction) {
  testing::FakeApiServer server;
  base::Metrics metrics;
  InformerOptions options;
  options.page_size = 7;
  options.sleep = [](std::stop_token stop, std::chrono::nanoseconds) { return !stop.stop_requested(); };
  Informer<Thing> informer(server, "ns", "", metrics, options);
  informer.add_index("value", [](const Thing& thing) { return std::vector{thing.value}; });
  Mirror mirror;
  informer.add_handler([&](const Change<Thing>& change) { mirror.take(change); });
  for (int i = 0; i < 30; ++i) server.put(kThings, thing_json("start-" + std::to_string(i), "x"));
  informer.start();
  std::stop_source never;
  ASSERT_TRUE(informer.wait_synced(never.get_token()));
  std::minstd_rand random(5);
  for (int i = 0; i < 500; ++i) {
    const std::string name = "t-" + std::to_string(random() % 40);
    if (random() % 3 == 0) {
      server.erase(kThings + "/" + name);
    } else {
      server.put(kThings, thing_json(name, std::to_string(random() % 5)));
    }
    if (i % 50 == 10) server.end_watches();
    if (i % 50 == 20) server.end_watches(tl::unexpected(broken()));
    if (i % 100 == 30) server.compact();
  }
  std::map<std::string, std::string> want;
  std::size_t want_threes = 0;
  const auto list = server.call(list_request(Thing::kType, "ns", {}), {});
  const auto objects = nlohmann::json::parse(list->body);
  for (const auto& item : objects["items"]) {
    want[item["metadata"]["name"]] = item["metadata"]["resourceVersion"];
    if (item["spec"]["value"] == "3") ++want_threes;
  }
  EXPECT_TRUE(mirror.becomes(want));
  EXPECT_EQ(mirror.things(), want);
  EXPECT_EQ(informer.store().size(), want.size());
  EXPECT_EQ(informer.store().by_index("value", "3").size(), want_threes);
  informer.stop();
}

TEST(Informer, WaitForSyncEndsWithItsStopToken) {
  testing::FakeApiServer server;
  server.set_before([](const Request&) { return std::optional(broken()); });
  base::Metrics metrics;
  Informer<Thing> informer(server, "ns", "", metrics);
  informer.start();
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(informer.wait_synced(stop.get_token()));
}

}  // namespace
}  // namespace vbrain::kube
