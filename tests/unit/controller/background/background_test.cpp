#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <semaphore>
#include <set>

#include "artifacts/store/store.hpp"
#include "base/metrics.hpp"
#include "controller/background/archiver.hpp"
#include "controller/background/pod_remover.hpp"
#include "controller/background/trash_remover.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using testing::a_job;
using State = Archiver::State;

const artifacts::Tenant kTenant{"acme", "Tutorial", "north"};

// Callers wait until it is opened.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

TEST(TrashRemover, ADeletionDoesNotWaitForOtherRemovals) {
  const vbrain::testing::TempDir folder;
  const artifacts::Store store(folder.path());
  base::Metrics metrics;
  Gate gate;
  std::promise<void> all_removed;
  int removed = 0;
  TrashRemover remover(
      [&](const artifacts::Tenant& tenant, const std::string& name, std::stop_token stop) {
        gate.pass();  // as if there were 65,535 files
        store.purge(tenant, name, std::move(stop));
        if (++removed == 20) all_removed.set_value();
      },
      metrics);
  StoreVolume volume(store, "bin/1",
                     [&](const artifacts::Tenant& tenant, const std::string& name) { remover.add(tenant, name); });
  for (int i = 0; i < 20; ++i) {
    job::Job job = a_job();
    job.meta.name = "job-" + std::to_string(i);
    job.spec.repository_id.clear();
    ASSERT_TRUE(volume.prepare_attempt(job, 1, nullptr));
    volume.purge(job);
    EXPECT_FALSE(store.has_job(kTenant, job.meta.name)) << "nobody sees it any more";
  }
  gate.open();
  all_removed.get_future().get();
  EXPECT_TRUE(store.root().sub(artifacts::layout::trash(kTenant))->list().empty());
}

TEST(TrashRemover, GoesOnAfterAFolderThatCannotBeRemoved) {
  base::Metrics metrics;
  std::promise<void> second;
  TrashRemover remover(
      [&](const artifacts::Tenant&, const std::string& name, std::stop_token) {
        if (name == "first") throw artifacts::VolumeError(EACCES, "first");
        second.set_value();
      },
      metrics);
  remover.add(kTenant, "first");
  remover.add(kTenant, "second");
  second.get_future().get();
}

TEST(TrashRemover, EndsWhileFoldersWait) {
  base::Metrics metrics;
  std::promise<void> begun;
  int calls = 0;
  {
    TrashRemover remover(
        [&](const artifacts::Tenant&, const std::string&, std::stop_token stop) {
          ++calls;
          begun.set_value();
          std::promise<void> stopped;
          const std::stop_callback on_stop(stop, [&] { stopped.set_value(); });
          stopped.get_future().get();
        },
        metrics);
    for (int i = 0; i < 10; ++i) remover.add(kTenant, "folder");
    begun.get_future().get();
  }
  EXPECT_EQ(calls, 1) << "the sweeper finds the others";
}

TEST(TrashRemover, RemembersAsManyFoldersAsItMay) {
  base::Metrics metrics;
  Gate gate;
  {
    TrashRemover remover([&](const artifacts::Tenant&, const std::string&, std::stop_token) { gate.pass(); }, metrics);
    for (std::size_t i = 0; i < TrashRemover::kMaxWaiting + 10; ++i) remover.add(kTenant, "folder");
    const std::string text = metrics.render();
    gate.open();
    const std::string name = "\nvbrain_trash_folders_waiting ";
    ASSERT_NE(text.find(name), std::string::npos) << text;
    EXPECT_LE(std::stoul(text.substr(text.find(name) + name.size())), TrashRemover::kMaxWaiting);
  }
}

// A volume that can only archive, when the test allows it.
class SlowVolume final : public Volume {
 public:
  Result<PreparedAttempt, Failure> prepare_attempt(const job::Job&, int, const job::Application*) override {
    return PreparedAttempt{};
  }
  AttemptFiles read_attempt(const job::Job&, int) override { return {}; }
  artifacts::Claim close_attempt(const job::Job&, int, base::TimePoint) override { return {}; }
  void purge(const job::Job&) override {}
  bool archive(const job::Job& job) override {
    gate.pass();
    ++archived;
    if (job.meta.name == "fails") throw artifacts::VolumeError(EIO, "status.json");
    return job.meta.name == "published";
  }

  Gate gate;
  std::atomic<int> archived{0};
};

job::Job ended(const std::string& name) {
  job::Job job = a_job();
  job.meta.name = name;
  return job;
}

TEST(Archiver, WritesInTheBackgroundAndWakesTheJobAtTheEnd) {
  SlowVolume volume;
  std::counting_semaphore<> woken(0);
  Archiver archiver(volume, 2, [&](const std::string&) { woken.release(); });
  for (const char* name : {"plain", "published", "fails"}) {
    EXPECT_EQ(archiver.archive(ended(name)), State::kUnderWay);
    EXPECT_EQ(archiver.archive(ended(name)), State::kUnderWay) << "not begun twice";
  }
  volume.gate.open();
  for (int i = 0; i < 3; ++i) woken.acquire();
  EXPECT_EQ(archiver.archive(ended("plain")), State::kDone);
  EXPECT_EQ(archiver.archive(ended("published")), State::kPublished);
  EXPECT_THROW(archiver.archive(ended("fails")), artifacts::VolumeError);
  archiver.archive(ended("plain"));
  woken.acquire();
  EXPECT_EQ(volume.archived, 4) << "who asks again wants it looked at again";
}

TEST(Archiver, TheRecordOfAnOlderVersionIsNotEnough) {
  SlowVolume volume;
  std::binary_semaphore woken(0);
  Archiver archiver(volume, 1, [&](const std::string&) { woken.release(); });
  EXPECT_EQ(archiver.archive(ended("a")), State::kUnderWay);
  volume.gate.open();
  woken.acquire();
  job::Job newer = ended("a");
  newer.meta.resource_version += "9";
  archiver.archive(newer);
  woken.acquire();
  EXPECT_EQ(volume.archived, 2);
}

TEST(Archiver, TakesNoMoreThanItCanRemember) {
  SlowVolume volume;
  Archiver archiver(volume, 1, {});
  std::size_t taken = 0;
  while (archiver.archive(ended("job-" + std::to_string(taken))) == State::kUnderWay) ++taken;
  EXPECT_GE(taken, Archiver::kMaxWaiting);
  EXPECT_LE(taken, Archiver::kMaxWaiting + 1);
  EXPECT_EQ(archiver.archive(ended("job-" + std::to_string(taken))), State::kBusy) << "it was not taken";
  volume.gate.open();
}

// After the start of a leader all ended jobs come at once.
TEST(Archiver, WakesThoseThatFoundNoRoom) {
  constexpr std::size_t kJobs = 3 * Archiver::kMaxWaiting;
  SlowVolume volume;
  std::mutex mutex;
  std::condition_variable woken;
  std::deque<std::string> awake;
  Archiver archiver(volume, 4, [&](const std::string& name) {
    const std::lock_guard lock(mutex);
    awake.push_back(name);
    woken.notify_all();
  });
  std::size_t calls = 0;
  std::set<std::string> over;  // written or deleted
  const auto ask = [&](const std::string& name) {
    ++calls;
    if (archiver.archive(ended(name)) == State::kDone) over.insert(name);
  };
  for (std::size_t i = 0; i < kJobs; ++i) ask("job-" + std::to_string(i));
  volume.gate.open();
  while (over.size() < kJobs) {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(woken.wait_for(lock, std::chrono::minutes(1), [&] { return !awake.empty(); })) << over.size();
    const std::string name = std::move(awake.front());
    awake.pop_front();
    lock.unlock();
    // Every third of those that waited was deleted meanwhile and asks no more. The others must not wait for it.
    const std::size_t number = std::stoul(name.substr(4));
    if (number >= Archiver::kMaxWaiting + 5 && number % 3 == 0) over.insert(name);
    if (!over.contains(name)) ask(name);
  }
  EXPECT_LE(calls, 4 * kJobs) << "asking again and again costs a core";
}

TEST(Archiver, WithoutThreadsItWritesAtOnce) {
  SlowVolume volume;
  volume.gate.open();
  Archiver archiver(volume, 0);
  EXPECT_EQ(archiver.archive(ended("plain")), State::kDone);
  EXPECT_EQ(archiver.archive(ended("published")), State::kPublished);
  EXPECT_THROW(archiver.archive(ended("fails")), artifacts::VolumeError);
}

TEST(PodRemover, NobodyWaitsForAnApiServerThatHangs) {
  vbrain::testing::FakeApiServer api;
  Gate gate;
  std::atomic<int> asked = 0;
  api.set_before([&](const kube::Request&) -> std::optional<kube::Error> {
    ++asked;
    gate.pass();
    return kube::Error{.code = kube::ErrorCode::kForbidden, .message = "a policy"};
  });
  kube::ApiClient client(api);
  base::Metrics metrics;
  vbrain::testing::ManualClock clock;
  std::size_t taken = 0;
  {
    PodRemover remover(
        client, 2, [] { return true; }, metrics, clock);
    while (remover.remove("vbrain", "pod-" + std::to_string(taken), "uid")) ++taken;
    EXPECT_GE(taken, PodRemover::kMaxWaiting);
    EXPECT_LE(taken, PodRemover::kMaxWaiting + 2);
    gate.open();
  }
  EXPECT_NE(metrics.render().find("vbrain_pod_removal_failures_total " + std::to_string(asked)), std::string::npos);
}

TEST(PodRemover, TheLineAboutAFailureHasTheTraceOfTheJob) {
  vbrain::testing::FakeApiServer api;
  api.set_before([](const kube::Request&) -> std::optional<kube::Error> {
    return kube::Error{.code = kube::ErrorCode::kForbidden, .message = "a policy"};
  });
  kube::ApiClient client(api);
  base::Metrics metrics;
  vbrain::testing::ManualClock clock;
  PodRemover remover(
      client, 0, [] { return true; }, metrics, clock);
  ::testing::internal::CaptureStderr();
  remover.remove("vbrain", "job-1", "u1", {.request_id = {}, .trace_id = "4bf9"});
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(log.find(R"("pod":"job-1","trace_id":"4bf9")"), std::string::npos) << log;
}

TEST(PodRemover, DeletesByUidAndOnlyWhileItLeads) {
  vbrain::testing::FakeApiServer api;
  kube::ApiClient client(api);
  base::Metrics metrics;
  vbrain::testing::ManualClock clock;
  bool leads = false;
  PodRemover remover(
      client, 0, [&] { return leads; }, metrics, clock);
  EXPECT_TRUE(remover.remove("vbrain", "job-1", "u1"));
  EXPECT_TRUE(api.requests().empty());
  leads = true;
  EXPECT_TRUE(remover.remove("vbrain", "job-1", "u1"));
  ASSERT_EQ(api.requests().size(), 1u);
  EXPECT_EQ(api.requests()[0].method, "DELETE");
  EXPECT_NE(api.requests()[0].body.find("\"uid\":\"u1\""), std::string::npos);
  EXPECT_NE(metrics.render().find("vbrain_pod_removal_failures_total 0"), std::string::npos) << "it is gone already";
}

}  // namespace
}  // namespace vbrain::controller
