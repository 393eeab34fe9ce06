// `?wait`: requests that wait for a change of a job.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/post.hpp>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <future>
#include <thread>

#include "api-server/jobs/job_record.hpp"
#include "unit/api-server/held_pool.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using testing::body_of;
using ::testing::HasSubstr;
using testing::Headers;
using testing::HttpReply;
using ::testing::Not;
using testing::RawClient;
using testing::status_of;
using testing::World;

std::string request_of(const std::string& username, const std::string& path) {
  std::string text = "GET " + path + " HTTP/1.1\r\nHost: x\r\n";
  for (const auto& [name, value] : World::identity(username)) text += name + ": " + value + "\r\n";
  return text + "\r\n";
}

job::JobStatus status_in(Phase phase) {
  job::JobStatus status;
  status.phase = phase;
  status.attempts = 1;
  if (is_terminal(phase)) {
    status.accepted_attempt = 1;
    status.artifacts = job::Artifacts{4, std::string(64, 'a'), 3, 3};
  }
  return status;
}

std::size_t waiting(World& world) {
  const std::string text = world.metrics.render();
  const std::string name = "\nvbrain_api_waits ";
  return std::stoul(text.substr(text.find(name) + name.size()));
}

// Waits until `count` requests wait. They have looked at the job, or will look after a later change.
bool wait_for(World& world, std::size_t count) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (waiting(world) != count) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// Each task needs a thread of its own. So when all are done, all that was posted before is done.
bool pass_through(base::WorkerPool& pool, int threads) {
  const auto here = std::make_shared<std::atomic<int>>(0);
  std::vector<std::future<void>> all;
  for (int i = 0; i < threads; ++i) {
    auto done = std::make_shared<std::promise<void>>();
    all.push_back(done->get_future());
    if (!pool.try_post([here, done, threads] {
          ++*here;
          while (*here < threads) std::this_thread::yield();
          done->set_value();
        })) {
      return false;
    }
  }
  return std::ranges::all_of(
      all, [](auto& one) { return one.wait_for(std::chrono::seconds(10)) == std::future_status::ready; });
}

// A request that waits, and has looked at the job once.
class Waiter {
 public:
  Waiter(World& world, const std::string& path, const std::string& username = "ana")
      : client_(world.server->address()) {
    const std::size_t before = waiting(world);
    EXPECT_TRUE(client_.send(request_of(username, path)));
    EXPECT_TRUE(wait_for(world, before + 1));
    // The only I/O thread has posted the look before it answers another request.
    EXPECT_EQ(world.get("/api/v1/usage").status, 200);
    EXPECT_TRUE(pass_through(*world.volume_workers, World::kVolumeWorkers));
  }
  std::string reply() { return client_.read_reply(); }
  bool has_answer() const { return client_.is_readable(); }
  void close() { client_.close(); }

 private:
  RawClient client_;
};

std::size_t resident_bytes() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// The head without the fields that differ for each request.
std::string comparable(std::string head) {
  for (const std::string_view name : {"\r\nDate: ", "\r\nX-Request-Id: "}) {
    const auto at = head.find(name);
    if (at != std::string::npos) head.erase(at, head.find("\r\n", at + 2) - at);
  }
  return head;
}

TEST(Wait, AnswersWhenTheStateChanges) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  Waiter job(world, "/api/v1/job/" + id + "?wait=60");
  Waiter alone(world, "/api/v1/job/" + id + "?wait=60&jobs=false");
  EXPECT_FALSE(job.has_answer());
  world.set_status(id, status_in(Phase::kStarted));
  const std::string reply = job.reply();
  EXPECT_EQ(status_of(reply), 202);
  EXPECT_THAT(reply, HasSubstr(R"("job_status":"started")"));
  EXPECT_THAT(reply, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_EQ(body_of(reply), world.get("/api/v1/job/" + id).body);
  EXPECT_EQ(body_of(alone.reply()), world.get("/api/v1/job/" + id + "?jobs=false").body);
  EXPECT_TRUE(wait_for(world, 0));
}

TEST(Wait, AResultIsWaitedForUntilTheEnd) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  Waiter result(world, "/api/v1/job/" + id + "/result?wait=60");
  Waiter failed(world, "/api/v1/job/" + world.make_job(Phase::kStarted) + "/result?wait=60");
  world.set_status(id, status_in(Phase::kStarted));
  // Another request that sees the change has been answered, so the first one could have been.
  EXPECT_EQ(world.get("/api/v1/job/" + id).json()["job_status"], "started");
  EXPECT_FALSE(result.has_answer());
  world.write_attempt(id, 1, "result.json", "200");
  world.set_status(id, status_in(Phase::kFinished));
  const std::string reply = result.reply();
  EXPECT_EQ(status_of(reply), 200);
  EXPECT_EQ(body_of(reply), R"({"output":200})");
}

// The resource says that the job has ended before the record of it is on the volume; until then no answer says so.
TEST(Wait, AnEndIsAnsweredWhenItsRecordIsThere) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  Waiter waiter(world, "/api/v1/job/" + id + "?wait=60");
  job::JobStatus ended = status_in(Phase::kFailed);
  ended.completion_time = world.clock.now();
  world.set_status(id, ended);
  EXPECT_EQ(world.get("/api/v1/job/" + id).json()["job_status"], "started");
  EXPECT_FALSE(waiter.has_answer());
  world.record(id);
  const std::string reply = waiter.reply();
  EXPECT_EQ(status_of(reply), 200);
  EXPECT_THAT(reply, HasSubstr(R"("job_status":"failed")"));
}

TEST(Wait, AnEndedJobIsAnsweredAtOnceAsWithoutWait) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  for (const std::string path : {"", "/result"}) {
    const HttpReply plain = world.get("/api/v1/job/" + id + path);
    const HttpReply waited = world.get("/api/v1/job/" + id + path + "?wait=60");
    EXPECT_EQ(comparable(waited.head), comparable(plain.head));
    EXPECT_EQ(waited.body, plain.body);
    // What the client has does not change any more.
    EXPECT_EQ(world.get("/api/v1/job/" + id + path + "?wait=60", {{"If-None-Match", plain.header("ETag")}}).status,
              304);
  }
}

TEST(Wait, WhenTheTimeIsOverTheAnswerIsThatOfThePlainRequest) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  for (const std::string path : {"", "/result"}) {
    const HttpReply plain = world.get("/api/v1/job/" + id + path);
    EXPECT_EQ(world.get("/api/v1/job/" + id + path + "?wait=0").body, plain.body);
    const auto begun = std::chrono::steady_clock::now();
    const HttpReply waited = world.get("/api/v1/job/" + id + path + "?wait=1");
    EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::seconds(1));
    EXPECT_EQ(comparable(waited.head), comparable(plain.head));
    EXPECT_EQ(waited.body, plain.body);
  }
  // Waiting is not work of the server.
  EXPECT_THAT(world.metrics.render(),
              HasSubstr("vbrain_api_request_seconds_bucket{method=\"GET\",route=\"/api/v1/job/:job_id\",le=\"1\"} 3"));
}

TEST(Wait, NothingToWaitForIsAnsweredAtOnce) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  EXPECT_EQ(world.get("/api/v1/job/01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d?wait=60").status, 404);
  EXPECT_EQ(world.get("/api/v1/job/" + id + "?wait=60", {{"repository_id", "202009231629398695"}}).status, 404);
  EXPECT_EQ(world.call("GET", "/api/v1/job/" + id + "?wait=60", World::identity("eve")).status, 404);
  EXPECT_EQ(world.call("GET", "/api/v1/job/" + id + "?wait=60", World::identity("stan")).status, 403);
}

TEST(Wait, ADeletionEndsIt) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  Waiter waiter(world, "/api/v1/job/" + id + "?wait=60");
  Waiter result(world, "/api/v1/job/" + id + "/result?wait=60");
  EXPECT_EQ(world.remove("/api/v1/job/" + id).status, 200);
  auto deleting = std::make_shared<job::Job>(*world.jobs.get(id));
  deleting->meta.deletion_timestamp = world.clock.now();
  world.watch_says(id, deleting);
  EXPECT_EQ(status_of(waiter.reply()), 404);
  EXPECT_EQ(status_of(result.reply()), 404);
}

// Another replica made the job a moment ago; this one's watch shows it later.
TEST(Wait, AJobThatTheCacheLacksIsWaitedFor) {
  World first;
  World world(first);
  const std::string id = first.make_job(Phase::kQueued);
  Waiter waiter(world, "/api/v1/job/" + id + "?wait=60");
  auto job = std::make_shared<job::Job>(job::Job::decode(first.kube.object(id).value()));
  job->status = status_in(Phase::kStarted);
  world.watch_says(id, job);
  EXPECT_THAT(waiter.reply(), HasSubstr(R"("job_status":"started")"));
}

// The watch shows the start of a job made with kubectl before the volume shows its folder.
TEST(Wait, AJobWhoseFolderIsNotThereYetIsWaitedFor) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  const std::string folder = world.job_folder(id);
  const std::string aside = folder + "-aside";
  ASSERT_EQ(std::rename(folder.c_str(), aside.c_str()), 0);
  auto by_kubectl = std::make_shared<job::Job>(*world.jobs.get(id));
  by_kubectl->meta.labels.clear();
  world.watch_says(id, by_kubectl);
  Waiter job(world, "/api/v1/job/" + id + "?wait=60");
  Waiter result(world, "/api/v1/job/" + id + "/result?wait=60");
  auto started = std::make_shared<job::Job>(*by_kubectl);
  started->status = status_in(Phase::kStarted);
  world.watch_says(id, started);
  EXPECT_THAT(job.reply(), HasSubstr(R"("job_status":"started")"));
  EXPECT_FALSE(result.has_answer());
  ASSERT_EQ(std::rename(aside.c_str(), folder.c_str()), 0);
  world.write_attempt(id, 1, "result.json", "200");
  world.set_status(id, status_in(Phase::kFinished));
  EXPECT_EQ(body_of(result.reply()), R"({"output":200})");
}

// The state changes after the request has looked at the job and before it waits.
TEST(Wait, AChangeBetweenTheLookAndTheWaitIsNotLost) {
  World world;
  const std::string id = world.make_job(Phase::kQueued);
  RawClient client(world.server->address());
  std::promise<void> stands;
  std::promise<void> changed;
  // The look waits for these.
  testing::HeldPool held(*world.volume_workers, World::kVolumeWorkers);
  ASSERT_TRUE(client.send(request_of("ana", "/api/v1/job/" + id + "?wait=60")));
  ASSERT_TRUE(wait_for(world, 1));
  // While the only I/O thread stands still, what was seen does not come back to the request.
  boost::asio::post(world.io->next(), [&] {
    stands.set_value();
    changed.get_future().wait();
  });
  stands.get_future().wait();
  held.release();
  ASSERT_TRUE(pass_through(*world.volume_workers, World::kVolumeWorkers));
  world.set_status(id, status_in(Phase::kStarted));
  changed.set_value();
  EXPECT_THAT(client.read_reply(), HasSubstr(R"("job_status":"started")"));
}

constexpr std::size_t kWaits = 4;

TEST(Wait, OneTooManyIsAnsweredAtOnceAndATenantHasHalf) {
  World world(Limits{.max_waits = kWaits});
  const std::string id = world.make_job(Phase::kStarted);
  const std::string other = world.make_job(Phase::kStarted, "eve");
  std::deque<Waiter> waiters;
  const std::string path = "/api/v1/job/" + id + "?wait=60";
  for (std::size_t i = 0; i < kWaits / 2; ++i) waiters.emplace_back(world, path);
  const HttpReply plain = world.get("/api/v1/job/" + id);
  const HttpReply refused = world.get(path);
  EXPECT_EQ(refused.status, 202);
  EXPECT_EQ(refused.body, plain.body);
  EXPECT_THAT(world.metrics.render(), HasSubstr("vbrain_api_waits_refused_total 1"));
  const std::string of_eve = "/api/v1/job/" + other + "?wait=60";
  for (std::size_t i = 0; i < kWaits / 2; ++i) waiters.emplace_back(world, of_eve, "eve");
  EXPECT_EQ(world.call("GET", of_eve, World::identity("eve")).status, 202);
  // A client that goes makes room.
  waiters.front().close();
  EXPECT_TRUE(wait_for(world, kWaits - 1));
  waiters.emplace_back(world, path);
}

TEST(Wait, AWaitHoldsNoThreadAndNoBudget) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  std::deque<Waiter> waiters;
  for (int i = 0; i < 5; ++i) waiters.emplace_back(world, "/api/v1/job/" + id + "?wait=60");
  EXPECT_EQ(world.json_budget->room(World::tenant()), world.limits.max_json_memory / 2);
  for (base::WorkerPool* pool :
       {world.volume_workers.get(), world.transfer_workers.get(), world.workers.get(), world.bulk_workers.get()}) {
    EXPECT_TRUE(pass_through(*pool, 2));
  }
}

TEST(Wait, AStoppingServerAnswersWithThePresentState) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  Waiter waiter(world, "/api/v1/job/" + id + "?wait=60");
  auto drained = std::async(std::launch::async, [&] { return world.server->drain(std::chrono::seconds(10)); });
  const std::string reply = waiter.reply();
  EXPECT_EQ(status_of(reply), 202);
  EXPECT_THAT(reply, HasSubstr("Connection: close"));
  waiter.close();
  EXPECT_TRUE(drained.get());
}

// VBRAIN_TEST_WAITERS: another number of requests. The clients are in this process, too; each is a socket.
TEST(Wait, CostsLittleMemory) {
  const char* given = std::getenv("VBRAIN_TEST_WAITERS");
  const std::size_t count = given == nullptr ? 200 : std::strtoul(given, nullptr, 10);
  http::HttpOptions options;
  options.max_connections = count + 10;
  World world(Limits{.max_waits = 2 * count}, options);
  const std::string id = world.make_job(Phase::kStarted);
  EXPECT_EQ(world.get("/api/v1/job/" + id).status, 202);
  const std::string request = request_of("ana", "/api/v1/job/" + id + "?wait=60&jobs=false");
  std::deque<RawClient> clients;
  const std::size_t allocated_before = mallinfo2().uordblks;
  const std::size_t before = resident_bytes();
  for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(clients.emplace_back(world.server->address()).send(request));
  ASSERT_TRUE(wait_for(world, count));
  const std::size_t grown = (std::max(resident_bytes(), before) - before) / count;
  const std::size_t allocated = (mallinfo2().uordblks - allocated_before) / count;
  std::printf("%zu requests wait: the process grew by %zu bytes for each, %zu were allocated\n", count, grown,
              allocated);
  EXPECT_LE(std::max(grown, allocated), 64U << 10);
  const auto begun = std::chrono::steady_clock::now();
  world.set_status(id, status_in(Phase::kFailed));
  for (RawClient& client : clients) ASSERT_EQ(status_of(client.read_reply()), 200);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begun;
  std::printf("all were answered in %.0f ms\n", took.count());
}

TEST(Wait, RefusesWhatIsNoNumberOfSeconds) {
  World world;
  const std::string id = world.make_job(Phase::kStarted);
  for (const char* value : {"", "-1", "61", "600", "1.5", "1s", "x", "+1", "%31%00", "99999999999999999999"}) {
    for (const std::string path : {"", "/result"}) {
      const HttpReply refused = world.get("/api/v1/job/" + id + path + "?wait=" + value);
      EXPECT_EQ(refused.status, 400) << value;
      EXPECT_EQ(refused.body, R"({"error":"Invalid wait","detail":"a whole number of seconds from 0 to 60"})") << value;
    }
  }
  EXPECT_EQ(world.get("/api/v1/job/" + id + "?wait=1&wait=1").json()["error"], "Invalid wait");
  EXPECT_THAT(world.get("/api/v1/job/" + id + "/output?wait=1").body, HasSubstr("no query parameters"));
}

}  // namespace
}  // namespace vbrain::api
