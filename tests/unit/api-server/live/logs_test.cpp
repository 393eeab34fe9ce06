// GET /job/:job_id/logs/stream.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <malloc.h>

#include <deque>
#include <fstream>
#include <future>
#include <thread>

#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::RawClient;
using testing::World;

std::string path_of(const std::string& job_id, const std::string& query = "") {
  return "/api/v1/job/" + job_id + "/logs/stream" + query;
}

job::JobStatus status_in(Phase phase) {
  job::JobStatus status;
  status.phase = phase;
  status.attempts = 1;
  return status;
}

// A client that follows logs. Every wait is at most 10 s.
class Reader {
 public:
  Reader(World& world, const std::string& path, const std::string& username = "ana", int receive_buffer = 0)
      : client_(world.server->address(), receive_buffer) {
    std::string text = "GET " + path + " HTTP/1.1\r\nHost: x\r\n";
    for (const auto& [name, value] : World::identity(username)) text += name + ": " + value + "\r\n";
    client_.send(text + "\r\n");
    head_ = client_.read_until("\r\n\r\n");
  }

  const std::string& head() const { return head_; }
  // Reads until the text ends with this; all that came since the last call.
  std::string until(const std::string& end) {
    std::string text;
    while (!text.ends_with(end)) {
      const std::string piece = chunk();
      if (piece.empty()) break;
      text += piece;
    }
    return text;
  }
  // Up to the end of the body; `whole` tells whether it ended as HTTP says.
  std::string to_end(bool* whole = nullptr) {
    std::string text;
    for (std::string piece = chunk(); !piece.empty(); piece = chunk()) text += piece;
    if (whole != nullptr) *whole = ended_;
    return text;
  }
  bool is_closed() { return client_.is_closed_by_peer(); }
  RawClient& client() { return client_; }

 private:
  // The tests' texts have no CR.
  std::string chunk() {
    const std::string size = client_.read_until("\r\n");
    if (size.empty()) return "";
    std::string text = client_.read_until("\r\n");
    ended_ = size == "0\r\n" && text == "\r\n";
    if (ended_ || text.empty()) return "";
    text.resize(text.size() - 2);
    return text;
  }

  RawClient client_;
  std::string head_;
  bool ended_ = false;
};

void append(World& world, const std::string& job_id, int attempt, const std::string& name, const std::string& bytes) {
  std::ofstream(world.job_folder(job_id) + "/attempts/" + std::to_string(attempt) + "/logs/" + name, std::ios::app)
      << bytes;
}

TEST(LogStreams, FollowALogToTheEndOfTheJobAndGiveTheSameAfterwards) {
  World world;
  World replica(world);
  const std::string id = world.make_job(Phase::kQueued);
  replica.watch_says(id, world.jobs.get(id));
  Reader reader(world, path_of(id));
  Reader other(replica, path_of(id, "?follow=true&stream=stdout"));
  EXPECT_THAT(reader.head(), HasSubstr(" 200 "));
  EXPECT_THAT(reader.head(), HasSubstr("\r\nContent-Type: text/plain; charset=utf-8\r\n"));
  EXPECT_THAT(reader.head(), HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n"));
  world.write_attempt(id, 1, "logs/stdout.log", "one\n");
  EXPECT_EQ(reader.until("one\n"), "one\n");
  EXPECT_EQ(other.until("one\n"), "one\n");
  append(world, id, 1, "stdout.log", "two");
  EXPECT_EQ(reader.until("two"), "two");
  append(world, id, 1, "stdout.log", "\nlast");
  world.write_attempt(id, 2, "logs/stdout.log", "again\n");
  world.write_attempt(id, 2, "logs/stderr.log", "wrong\n");
  job::JobStatus ended = status_in(Phase::kFailed);
  world.set_status(id, ended);
  world.record(id);
  bool whole = false;
  EXPECT_EQ(reader.to_end(&whole), "\nlast\n==> attempt 2 <==\nagain\n");
  EXPECT_TRUE(whole);
  replica.watch_says(id, world.jobs.get(id));
  EXPECT_EQ(other.to_end(&whole), "two\nlast\n==> attempt 2 <==\nagain\n");
  EXPECT_TRUE(whole);
  const std::string all = "one\ntwo\nlast\n==> attempt 2 <==\nagain\n";
  for (World* server : {&world, &replica}) {
    for (const char* query : {"", "?follow=false", "?follow=true", "?stream=stdout"}) {
      EXPECT_EQ(Reader(*server, path_of(id, query)).to_end(), all) << query;
    }
    EXPECT_EQ(Reader(*server, path_of(id, "?stream=stderr")).to_end(), "==> attempt 2 <==\nwrong\n");
    EXPECT_EQ(Reader(*server, path_of(id, "?stream=both")).to_end(), all + "wrong\n");
    EXPECT_EQ(Reader(*server, path_of(id, "?tail=1")).to_end(), "again\n");
    EXPECT_EQ(Reader(*server, path_of(id, "?tail=0")).to_end(), "");
  }
}

TEST(LogStreams, FollowAFileOfTheApplication) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  Reader reader(world, path_of(id, "?file=solver%2Frun.log"));
  world.write_attempt(id, 1, "logs/solver/run.log", "step 1\n");
  EXPECT_EQ(reader.until("step 1\n"), "step 1\n");
  append(world, id, 1, "solver/run.log", "step 2\n");
  EXPECT_EQ(reader.until("step 2\n"), "step 2\n");
  // Rotation: another file has the name now.
  world.write_attempt(id, 1, "logs/solver/run.log", "other\n");
  bool whole = true;
  EXPECT_EQ(reader.to_end(&whole), "");
  EXPECT_FALSE(whole);
  EXPECT_EQ(Reader(world, path_of(id, "?file=solver/run.log&follow=false")).to_end(), "other\n");
  EXPECT_EQ(Reader(world, path_of(id, "?file=none&follow=false")).to_end(), "");
  for (const char* name : {"", "..", "../../claim", "/etc/passwd", "a//b", "%00", "a%0Ab"}) {
    const HttpReply refused = world.get(path_of(id, std::string("?follow=false&file=") + name));
    EXPECT_EQ(refused.status, 400) << name;
    EXPECT_EQ(refused.json()["error"], "Invalid file") << name;
  }
  EXPECT_EQ(world.get(path_of(id, "?file=a&stream=both")).json()["error"], "Invalid file");
}

// A server has many streams whose readers are slow or stand. What the kernel holds for a socket is bounded by itself.
TEST(LogStreams, OneThatNobodyReadsCostsLittle) {
  constexpr std::size_t kCount = 100;
  http::HttpOptions options;
  options.max_streams = 2 * kCount;
  World world(Limits{}, options);
  const std::string id = world.make_job(Phase::kStarted);
  std::string line(99, 'x');
  std::string log;
  for (int i = 0; i < 80'000; ++i) log += line + "\n";
  world.write_attempt(id, 1, "logs/stdout.log", log);
  const auto read_bytes = [] {
    std::ifstream io("/proc/self/io");
    std::string name;
    std::uint64_t bytes = 0;
    io >> name >> bytes;
    return bytes;
  };
  std::deque<Reader> readers;
  const std::size_t before = mallinfo2().uordblks;
  for (std::size_t i = 0; i < kCount; ++i) {
    EXPECT_THAT(readers.emplace_back(world, path_of(id), "ana", 4096).head(), HasSubstr(" 200 "));
  }
  // All stand when nothing more is read from the volume.
  std::uint64_t last = 0;
  for (int same = 0; same < 50; std::this_thread::sleep_for(std::chrono::milliseconds(10))) {
    same = read_bytes() - last < 4096 ? same + 1 : 0;
    last = read_bytes();
  }
  const std::size_t each = (mallinfo2().uordblks - before) / kCount;
  std::printf("%zu streams of logs: %zu bytes were allocated for each, with its client\n", kCount, each);
  EXPECT_LE(each, 64U << 10);
}

TEST(LogStreams, WithoutFollowingEndAtOnce) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  bool whole = false;
  EXPECT_EQ(Reader(world, path_of(id, "?follow=false")).to_end(&whole), "");
  EXPECT_TRUE(whole);
  world.write_attempt(id, 1, "logs/stdout.log", std::string(100'000, 'x'));
  EXPECT_EQ(Reader(world, path_of(id, "?follow=false")).to_end(&whole).size(), 100'000u);
  EXPECT_TRUE(whole);
}

TEST(LogStreams, BreakOffWhenTheServerStopsOrTheJobIsDeleted) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  const std::string kept = world.make_job(Phase::kStarted);
  Reader deleted(world, path_of(id));
  Reader stopped(world, path_of(kept));
  world.write_attempt(id, 1, "logs/stdout.log", "one\n");
  world.write_attempt(kept, 1, "logs/stdout.log", "one\n");
  EXPECT_EQ(deleted.until("one\n"), "one\n");
  EXPECT_EQ(stopped.until("one\n"), "one\n");
  EXPECT_EQ(world.remove("/api/v1/job/" + id).status, 200);
  bool whole = true;
  EXPECT_EQ(deleted.to_end(&whole), "");
  EXPECT_FALSE(whole);
  EXPECT_EQ(world.get(path_of(id)).status, 404);
  auto drained = std::async(std::launch::async, [&] { return world.server->drain(std::chrono::seconds(10)); });
  EXPECT_EQ(stopped.to_end(&whole), "");
  EXPECT_FALSE(whole);
  EXPECT_TRUE(stopped.is_closed());
  EXPECT_TRUE(drained.get());
}

TEST(LogStreams, RefuseWhatTheyDoNotKnow) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  EXPECT_EQ(world.get(path_of(id, "?follow=yes")).body, R"({"error":"Invalid follow","detail":"true or false"})");
  EXPECT_EQ(world.get(path_of(id, "?stream=out")).body,
            R"({"error":"Invalid stream","detail":"stdout, stderr or both"})");
  for (const char* value : {"", "-1", "x", "1.5", "1000001", "99999999999999999999", "+1", "0x1"}) {
    EXPECT_EQ(world.get(path_of(id, std::string("?tail=") + value)).body,
              R"({"error":"Invalid tail","detail":"a whole number of lines from 0 to 1000000"})")
        << value;
  }
  EXPECT_EQ(world.get(path_of(id, "?lines=1")).status, 400);
  EXPECT_EQ(world.call("GET", path_of(id), World::identity("stan")).status, 403);
  EXPECT_EQ(world.call("GET", path_of(id), World::identity("eve")).status, 404);
  EXPECT_EQ(world.get(path_of("01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d")).status, 404);
  EXPECT_EQ(world.post(path_of(id), "text/plain", "").status, 405);
  // A log that is no regular file is not read.
  const std::string log = world.job_folder(id) + "/attempts/1/logs/stdout.log";
  ASSERT_EQ(std::remove(log.c_str()), 0);
  ASSERT_EQ(symlink("/etc/passwd", log.c_str()), 0);
  EXPECT_EQ(Reader(world, path_of(id)).to_end(), "");
}

}  // namespace
}  // namespace vbrain::api
