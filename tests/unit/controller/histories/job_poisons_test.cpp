// Whatever the API server answers and whatever lies on the volume: no pass throws, a live job is looked at again within
// minutes, and it can be cancelled and deleted.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "unit/controller/world/world.hpp"

namespace vbrain::controller {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using std::chrono::minutes;
using testing::Behaviour;
using testing::World;

constexpr std::chrono::milliseconds kShortestLook{50};
constexpr std::chrono::milliseconds kLongestLook{300'000};

// One pass, and the time until the next one: a change, or the delay that the pass asks for. An exception of the pass
// fails the test.
void pass(World& world) {
  const kube::ReconcileResult result = world.step();
  const auto version = world.api.version();
  world.let_kubelet_work();
  const bool is_live = !world.job().is_null() && !world.status()["phase"].get<std::string>().starts_with("F");
  if (is_live && result.kind != kube::ReconcileResult::Kind::kRetryable) {
    EXPECT_GT(result.delay.count(), 0) << "a live job is looked at again";
    EXPECT_LE(result.delay, kLongestLook);
  }
  const bool is_woken = world.api.version() != version;
  world.clock.advance(std::clamp(result.delay, kShortestLook, is_woken ? kShortestLook : kLongestLook));
}

bool has_ended(World& world) {
  return world.job().is_null() || world.status()["phase"].get<std::string>().starts_with("F");
}

enum class Wish { kCancel, kDelete };

const char* text_of(Wish wish) {
  return wish == Wish::kCancel ? "cancel" : "delete";
}

void ask(World& world, Wish wish) {
  wish == Wish::kCancel ? world.patch_spec({{"cancel", true}}) : world.delete_job();
}

bool is_granted(World& world, Wish wish) {
  return wish == Wish::kCancel ? has_ended(world) : world.job().is_null();
}

// How long the wish takes, at most an hour.
minutes time_until_granted(World& world, Wish wish) {
  const auto begin = world.clock.steady();
  const auto spent = [&] { return std::chrono::ceil<minutes>(world.clock.steady() - begin); };
  while (!is_granted(world, wish) && spent() < minutes(60)) pass(world);
  return spent();
}

// --- The API server.

struct Request {
  const char* method;
  const char* part;  // of the target
};

constexpr Request kRequests[] = {
    {"PUT", "/status"},       {"POST", "/pods"}, {"DELETE", "/pods/"}, {"PATCH", "/jobs/"},
    {"GET", "/applications"}, {"GET", "/pods/"}, {"GET", "/jobs/"},
};

struct Answer {
  int status;  // 0: none
  const char* body;
};

// An admission webhook chooses the code and the words of its refusal.
constexpr Answer kAnswers[] = {
    {0, ""},
    {400, R"({"kind":"Status","reason":"BadRequest","message":"no"})"},
    {401, "not JSON"},
    {403, R"({"kind":"Status","reason":"Forbidden","message":"exceeded quota: compute"})"},
    {403, R"({"kind":"Status","reason":7,"message":[]})"},
    {404, R"({"kind":"Status","reason":"NotFound","message":"webhook: no such policy"})"},
    {405, "[]"},
    {409, R"({"kind":"Status","reason":"AlreadyExists","message":"webhook: exists"})"},
    {409, R"({"kind":"Status","reason":"Conflict","message":"webhook: conflict"})"},
    {410, "null"},
    {413, ""},
    {422, R"({"kind":"Status","reason":"Invalid","message":"no","details":{"causes":[null]}})"},
    {429, R"({"kind":"Status","details":{"retryAfterSeconds":"soon"}})"},
    {500, R"({"kind":"Status","message":"failed calling webhook"})"},
    {504, "\xff\xfe"},
};

void answer_with(World& world, const Request& request, const Answer& answer) {
  world.api.set_before([=](const kube::Request& sent) -> std::optional<kube::Error> {
    if (sent.method != request.method || sent.target.find(request.part) == std::string::npos) return {};
    if (answer.status == 0) return kube::Error{.code = kube::ErrorCode::kTimeout, .message = "no answer"};
    return kube::error_from_response(answer.status, answer.body);
  });
}

// A Job that the API server says not to exist is deleted.
bool is_possible(const Request& request, const Answer& answer) {
  return std::string(request.method) != "GET" || answer.status != 404;
}

TEST(JobPoisons, NoAnswerOfTheApiServerHoldsAJobForEver) {
  for (const Request& request : kRequests) {
    for (const Answer& answer : kAnswers) {
      if (!is_possible(request, answer)) continue;
      for (const Wish wish : {Wish::kCancel, Wish::kDelete}) {
        SCOPED_TRACE(std::string(text_of(wish)) + ", " + request.method + " " + request.part + " is answered with " +
                     std::to_string(answer.status) + " " + answer.body);
        World world;
        world.add_application();
        world.add_job(std::string(request.method) == "PATCH");
        world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
        answer_with(world, request, answer);
        for (int turn = 0; turn < 6; ++turn) pass(world);
        if (!world.job().is_null()) ask(world, wish);
        for (int turn = 0; turn < 12; ++turn) pass(world);
        // The longest wait before a retry is 6 minutes.
        world.api.set_before({});
        EXPECT_LE(time_until_granted(world, wish), minutes(8)) << world.job();
        EXPECT_LE(world.starts_in_all(), 1);
        for (int turn = 0; turn < 3; ++turn) pass(world);
        EXPECT_TRUE(world.pod(1).is_null() || world.pod(1)["status"]["phase"] != "Running") << world.pod(1);
      }
    }
  }
}

TEST(JobPoisons, NoAnswerOfTheApiServerKeepsAnExpiredJobForEver) {
  for (const Answer& answer : kAnswers) {
    SCOPED_TRACE(std::to_string(answer.status) + " " + answer.body);
    World world;
    world.add_application();
    world.add_job();
    for (int turn = 0; turn < 4; ++turn) pass(world);
    ASSERT_EQ(world.status()["phase"], "Finished");
    world.clock.advance(std::chrono::hours(25));
    answer_with(world, {"DELETE", "/jobs/"}, answer);
    for (int turn = 0; turn < 12; ++turn) {
      EXPECT_NE(world.step().kind, kube::ReconcileResult::Kind::kRetryable) << "it comes to rest";
      world.clock.advance(minutes(1));
    }
    EXPECT_LE(world.count("DELETE jobs"), 12);
    world.api.set_before({});
    world.clock.advance(minutes(6));
    world.step();
    EXPECT_TRUE(world.job().is_null());
    EXPECT_TRUE(world.has_status_file());
  }
}

// A refusal of DELETE says nothing about whether the pod is gone.
TEST(JobPoisons, APodWhoseRemovalIsRefusedIsNotTakenForGone) {
  for (const int status : {404, 409}) {
    World world;
    world.add_application();
    world.add_job();
    world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
    for (int turn = 0; turn < 4; ++turn) pass(world);
    ASSERT_EQ(world.starts(1), 1);
    answer_with(world, {"DELETE", "/pods/"}, {status, "{}"});
    world.patch_spec({{"cancel", true}});
    for (int turn = 0; turn < 20; ++turn) pass(world);
    EXPECT_EQ(world.status()["phase"], "Started") << "its application runs";
    EXPECT_EQ(world.status()["reason"], "ApiServerRefused");
    EXPECT_LT(world.count("DELETE pods"), 21);
  }
}

// --- The volume.

struct Poison {
  const char* name;
  void (*put)(const fs::path& path);
};

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path) << text;
}

const Poison kPoisons[] = {
    {"nothing", [](const fs::path&) {}},
    {"an empty file", [](const fs::path& path) { write(path, ""); }},
    {"no JSON", [](const fs::path& path) { write(path, std::string("{\0\xff", 3)); }},
    {"another type", [](const fs::path& path) { write(path, "[7,null]"); }},
    {"an empty object", [](const fs::path& path) { write(path, "{}"); }},
    {"wrong members",
     [](const fs::path& path) {
       write(path, R"({"format":"x","status":[],"by":7,"time":-1,"outcome":{"kind":[]},"podUid":{}})");
     }},
    {"too much", [](const fs::path& path) { write(path, std::string(3 << 20, '[')); }},
    {"a folder", [](const fs::path& path) { fs::create_directories(path / "below"); }},
    {"a link to somewhere", [](const fs::path& path) { fs::create_symlink("/etc/passwd", path); }},
    {"a link to itself", [](const fs::path& path) { fs::create_symlink(path.filename(), path); }},
    {"a FIFO", [](const fs::path& path) { mkfifo(path.c_str(), 0660); }},
};

constexpr const char* kPlaces[] = {"job.json",
                                   "status.json",
                                   "deleted",
                                   "attempts",
                                   "attempts/1",
                                   "attempts/1/claim",
                                   "attempts/1/manifest.json",
                                   "attempts/1/logs",
                                   "."};

fs::path folder_of(World& world) {
  return fs::read_symlink("/proc/self/fd/" + std::to_string(world.job_folder().fd()));
}

void put(World& world, const Poison& poison, const std::string& place) {
  const fs::path folder = folder_of(world);
  const fs::path path = place == "." ? folder : folder / place;
  if (!fs::exists(path.parent_path())) return;
  fs::remove_all(path);
  poison.put(path);
}

enum class Moment { kQueued, kRunning, kEnded };

void reach(World& world, Moment moment) {
  if (moment == Moment::kQueued) return;
  world.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
  for (int turn = 0; turn < 4; ++turn) pass(world);
  ASSERT_EQ(world.starts(1), 1);
  if (moment == Moment::kRunning) return;
  world.behave(1, {});
  world.let_kubelet_work();
}

void poison_and_ask(Moment moment, const Poison& poison, const char* place, Wish wish) {
  World world;
  world.add_application();
  world.add_job();
  ASSERT_NO_FATAL_FAILURE(reach(world, moment));
  put(world, poison, place);
  for (int turn = 0; turn < 4; ++turn) pass(world);
  ask(world, wish);
  // The pod is asked to stop, and waited for as long as for a lost node, once for its outcome and once for its claim.
  EXPECT_LE(time_until_granted(world, wish), minutes(20)) << world.job();
  EXPECT_LE(world.starts_in_all(), 1);
}

TEST(JobPoisons, NothingOnTheVolumeHoldsAJobForEver) {
  for (const Moment moment : {Moment::kQueued, Moment::kRunning, Moment::kEnded}) {
    for (const Poison& poison : kPoisons) {
      for (const char* place : kPlaces) {
        for (const Wish wish : {Wish::kCancel, Wish::kDelete}) {
          SCOPED_TRACE(std::string(text_of(wish)) + ", moment " + std::to_string(static_cast<int>(moment)) + ": " +
                       poison.name + " at " + place);
          try {
            poison_and_ask(moment, poison, place, wish);
          } catch (const std::exception& error) {
            ADD_FAILURE() << "a pass threw: " << error.what();
          }
        }
      }
    }
  }
}

// --- Live jobs at rest.

struct Rest {
  const char* name;
  void (*arrange)(World& world);
};

const Rest kRests[] = {
    {"runs",
     [](World& w) {
       w.add_application();
       w.add_job();
       w.behave(1, {.kind = Behaviour::Kind::kRunsUntilStopped});
     }},
    {"no Application", [](World& w) { w.add_job(); }},
    {"an Application of others",
     [](World& w) {
       w.add_application([](json& spec) { spec["organizations"] = {"others"}; });
       w.add_job();
     }},
    {"suspended before its first attempt",
     [](World& w) {
       w.add_application();
       w.add_job();
       w.patch_spec({{"suspend", true}});
     }},
    {"suspended between two attempts",
     [](World& w) {
       w.add_application([](json& spec) { spec["backoffLimit"] = 1; });
       w.add_job();
       w.behave(1, {.exit_code = 3});
       w.when_running(1, [](World& x) { x.patch_spec({{"suspend", true}}); });
     }},
    {"deleted, and held by another's finalizer",
     [](World& w) {
       w.add_application();
       w.add_job();
       w.patch_metadata({{"finalizers", {"example.com/other"}}});
       w.delete_job();
     }},
};

TEST(JobPoisons, ALiveJobIsLookedAtAgainEveryFewMinutesAtTimesOfItsOwn) {
  for (const Rest& rest : kRests) {
    SCOPED_TRACE(rest.name);
    World world;
    rest.arrange(world);
    for (int turn = 0; turn < 20; ++turn) {
      world.clock.advance(std::min(world.step().delay, std::chrono::milliseconds(10'000)));
      world.let_kubelet_work();
    }
    std::set<std::chrono::milliseconds> delays;
    const int writes = world.writes();
    for (int look = 0; look < 10; ++look) {
      const kube::ReconcileResult result = world.step();
      ASSERT_NE(result.kind, kube::ReconcileResult::Kind::kRetryable);
      EXPECT_GE(result.delay, minutes(3));
      EXPECT_LE(result.delay, kLongestLook);
      delays.insert(result.delay);
      world.clock.advance(result.delay);
    }
    EXPECT_EQ(world.writes(), writes) << "it is at rest";
    EXPECT_GE(delays.size(), 5u) << "the jobs of an installation do not come all at once";
  }
}

}  // namespace
}  // namespace vbrain::controller
