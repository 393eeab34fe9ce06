#include "api-server/answers/shared_reads.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <future>
#include <semaphore>
#include <set>
#include <thread>

#include "api-server/answers/shared_answer.hpp"
#include "api-server/transfer/spool.hpp"
#include "http/server.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using testing::HttpReply;
using testing::World;

// Requests of two I/O threads, and a pool whose reads wait for a permit.
class SharedReadsTest : public ::testing::Test {
 protected:
  // A request for `key`. Its future has the number of the read whose value it got, or the exception.
  std::future<int> ask(const std::string& key) {
    auto answer = std::make_shared<std::promise<int>>();
    auto future = answer->get_future();
    boost::asio::co_spawn(io_.next().get_executor(), request(key, answer), boost::asio::detached);
    return future;
  }
  // Has a read under way and another request behind it for `key`.
  std::pair<std::future<int>, std::future<int>> ask_twice(const std::string& key) {
    auto first = ask(key);
    begins_.acquire();
    auto second = ask(key);
    settle();
    return {std::move(first), std::move(second)};
  }
  // Waits until the I/O threads have done what was asked of them so far.
  void settle() {
    for (std::size_t i = 0; i < io_.size(); ++i) {
      std::promise<void> done;
      boost::asio::post(io_.next(), [&] { done.set_value(); });
      done.get_future().wait();
    }
  }

  http::Task<void> request(std::string key, std::shared_ptr<std::promise<int>> answer) {
    const auto read = [this] {
      const int number = ++begun_;
      begins_.release();
      permits_.acquire();
      if (fails_) throw std::runtime_error("fails");
      return number;
    };
    try {
      const auto value = co_await reads_.get(pool_, key, read);
      answer->set_value(*value);
    } catch (...) {
      answer->set_exception(std::current_exception());
    }
  }

  SharedReads reads_;
  base::WorkerPool pool_{"pool", 2, 2, std::chrono::seconds(1)};
  http::IoThreads io_{2};
  std::atomic<int> begun_{0};
  std::atomic<bool> fails_{false};
  std::counting_semaphore<> begins_{0};
  std::counting_semaphore<> permits_{0};
};

TEST_F(SharedReadsTest, WhoComesWhileAReadIsUnderWayGetsTheNextOne) {
  auto first = ask("a");
  begins_.acquire();
  std::vector<std::future<int>> later;
  for (int i = 0; i < 10; ++i) later.push_back(ask("a"));
  settle();
  permits_.release(2);
  EXPECT_EQ(first.get(), 1);
  for (auto& one : later) EXPECT_EQ(one.get(), 2) << "one read for all, begun after they had come";
  EXPECT_EQ(begun_, 2);
}

TEST_F(SharedReadsTest, AnotherKeyIsAnotherRead) {
  auto first = ask("a");
  auto second = ask("b");
  begins_.acquire();
  begins_.acquire();
  permits_.release(2);
  EXPECT_EQ(first.get() + second.get(), 3);
}

TEST_F(SharedReadsTest, AnExceptionComesToAllAndTheNextReadIsANewOne) {
  fails_ = true;
  auto blocker = ask("a");
  begins_.acquire();
  auto one = ask("a");
  auto other = ask("a");
  settle();
  permits_.release(2);
  EXPECT_THROW(blocker.get(), std::runtime_error);
  EXPECT_THROW(one.get(), std::runtime_error);
  EXPECT_THROW(other.get(), std::runtime_error);
  fails_ = false;
  permits_.release();
  EXPECT_EQ(ask("a").get(), 3);
}

TEST_F(SharedReadsTest, AFullPoolIsOverload) {
  std::vector<std::future<int>> served;
  for (const std::string key : {"a", "b"}) served.push_back(ask(key));
  begins_.acquire();
  begins_.acquire();
  for (const std::string key : {"c", "d"}) served.push_back(ask(key));  // in its queue
  settle();
  EXPECT_THROW(ask("e").get(), http::Overloaded);
  auto joins = ask("c");  // needs no room
  settle();
  permits_.release(4);
  for (auto& one : served) EXPECT_GT(one.get(), 0);
  EXPECT_GT(joins.get(), 0);
}

// What counts is the time in the pool's queue. A read may take longer, and its thread then serves the next one.
TEST_F(SharedReadsTest, WhoWaitsBehindALongReadIsServed) {
  auto [first, second] = ask_twice("a");
  const auto begun = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < begun + pool_.max_wait() + std::chrono::milliseconds(100)) {
    std::this_thread::sleep_until(begun + pool_.max_wait() + std::chrono::milliseconds(100));
  }
  permits_.release(2);
  EXPECT_EQ(first.get(), 1);
  EXPECT_EQ(second.get(), 2);
}

// After some reads in a row other work has its turn, but who waits is not refused because the queue is full.
TEST_F(SharedReadsTest, AFullQueueRefusesNobodyWhoseReadWasAccepted) {
  auto last = ask("a");
  begins_.acquire();
  std::promise<void> begun;
  std::promise<void> gate;
  const auto opened = gate.get_future().share();
  const struct Open {
    std::promise<void>& gate;
    ~Open() { gate.set_value(); }
  } open_at_end{gate};
  EXPECT_TRUE(pool_.try_post([&begun, opened] {
    begun.set_value();
    opened.wait();
  }));
  begun.get_future().wait();
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(pool_.try_post([opened] { opened.wait(); })) << "the queue";
  for (int i = 0; i < 40; ++i) {
    auto next = ask("a");
    settle();
    permits_.release();
    EXPECT_EQ(last.get(), i + 1);
    begins_.acquire();
    last = std::move(next);
  }
  permits_.release();
  EXPECT_EQ(last.get(), 41);
}

TEST(SharedAnswers, TheTextAroundAFileIsThatOfAllReaders) {
  AnswerText parts;
  parts.add(std::string(100'000, 'x'));
  auto list = std::make_shared<Spooled>();
  list->file = artifacts::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  parts.add_file(list);
  parts.add("]}");
  TenantBudget budget(1U << 20, 1U << 20);
  const auto shared =
      std::make_shared<const SharedAnswer>(share_json(200, std::move(parts), TenantBudget::Share(budget, {})));
  const Answer one = reply_with({}, shared);
  const Answer other = reply_with({}, shared);
  for (const Answer* answer : {&one, &other}) {
    const auto& body = std::get<http::FileBody>((*answer)->body);
    EXPECT_EQ(body.before, shared->text);
    EXPECT_EQ(body.after->joined(), "]}");
    EXPECT_EQ(body.size(), 100'002U);
  }
}

TEST(ShortForm, LeavesOutTheJobs) {
  World world;
  const std::string id = world.make_job(job::Phase::kFinished);
  const std::string repository = world.jobs.get(id)->spec.repository_id;
  for (const std::string& path : {"/api/v1/job/" + id, "/api/v1/repository/" + repository}) {
    const nlohmann::json whole = world.get(path).json();
    EXPECT_EQ(whole["jobs"], nlohmann::json::array({id})) << path;
    struct {
      const char* query;
      int want;
      bool want_jobs;
    } const cases[] = {{"?jobs=true", 200, true}, {"?jobs=false", 200, false}, {"?jobs=false&_=1", 200, false},
                       {"?jobs=", 400, false},    {"?jobs=no", 400, false},    {"?jobs=false&jobs=false", 400, false},
                       {"?job=false", 400, false}};
    for (const auto& c : cases) {
      const HttpReply reply = world.get(path + c.query);
      EXPECT_EQ(reply.status, c.want) << path << c.query;
      if (reply.status != 200) continue;
      nlohmann::json expected = whole;
      if (!c.want_jobs) expected.erase("jobs");
      EXPECT_EQ(reply.json(), expected) << path << c.query;
    }
  }
  const HttpReply refused = world.get("/api/v1/job/" + id + "?jobs=no");
  EXPECT_EQ(refused.body, R"({"error":"Invalid jobs","detail":"true or false"})");
  EXPECT_EQ(world.get("/api/v1/job/" + id + "?job=false").json()["detail"],
            "no such query parameter; the nearest is jobs");
}

TEST(EntityTags, AnAnswerThatIsTheSameIsNotSentAgain) {
  World world;
  const std::string id = world.make_job(job::Phase::kFinished);
  const std::string repository = world.jobs.get(id)->spec.repository_id;
  const std::string job = "/api/v1/job/" + id;
  const testing::Headers in_repository{{"repository_id", repository}};
  const auto with = [&](const std::string& etag, const testing::Headers& more = {}) {
    testing::Headers headers{{"If-None-Match", etag}};
    headers.insert(headers.end(), more.begin(), more.end());
    return headers;
  };
  std::set<std::string> tags;
  for (const std::string& path :
       {job, job + "?jobs=false", "/api/v1/repository/" + repository,
        "/api/v1/repository/" + repository + "?jobs=false", std::string("/api/v1/repository"), job + "/result"}) {
    const HttpReply first = world.get(path);
    const std::string etag = first.header("ETag");
    ASSERT_GE(etag.size(), 34U) << path << first.head;
    EXPECT_TRUE(tags.insert(etag).second) << "another answer has another tag: " << path;
    for (const std::string& known : {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
      const HttpReply same = world.get(path, with(known));
      EXPECT_EQ(same.status, 304) << path << known;
      EXPECT_EQ(same.body, "");
      EXPECT_EQ(same.header("ETag"), etag);
      EXPECT_EQ(same.header("Content-Length"), "");
    }
    EXPECT_EQ(world.get(path, with("\"x\"")).status, 200);
  }
  const std::string list = world.get("/api/v1/job", in_repository).header("ETag");
  EXPECT_EQ(world.get("/api/v1/job", with(list, in_repository)).status, 304);
  // The list changes.
  const std::string tag = world.get(job).header("ETag");
  const std::string alone = world.get(job + "?jobs=false").header("ETag");
  ASSERT_EQ(world.post_json("/api/v1/job/execute", "{}", in_repository).status, 201);
  EXPECT_EQ(world.get(job, with(tag)).status, 200);
  EXPECT_EQ(world.get(job + "?jobs=false", with(alone)).status, 304);
  EXPECT_EQ(world.get("/api/v1/job", with(list, in_repository)).status, 200);
  // The status changes.
  job::JobStatus status = world.jobs.get(id)->status;
  status.reason = "Completed";
  world.set_status(id, status);
  EXPECT_EQ(world.get(job + "?jobs=false", with(alone)).status, 200);
  // A job that runs has no tag: 304 stands for a 200.
  status.phase = job::Phase::kStarted;
  world.set_status(id, status);
  const HttpReply runs = world.get(job, with("*"));
  EXPECT_EQ(runs.status, 202);
  EXPECT_EQ(runs.header("ETag"), "");
  EXPECT_EQ(runs.header("Retry-After"), "1");
  // A deleted one is gone, whatever the client has.
  ASSERT_EQ(world.remove(job).status, 200);
  EXPECT_EQ(world.get(job, with(tag)).status, 404);
}

}  // namespace
}  // namespace vbrain::api
