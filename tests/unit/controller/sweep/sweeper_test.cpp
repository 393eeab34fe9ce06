#include "controller/sweep/sweeper.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "artifacts/store/store.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "support/cpp/pod_user.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::kJobId;
using vbrain::testing::write_file;

constexpr const char* kJobs = "/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs";
constexpr const char* kOtherId = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5e";
const artifacts::Tenant kTenant{"acme", "Tutorial", "north"};

// A Transport to the fake API server, which has no access rights of its own.
class Wire final : public kube::Transport {
 public:
  explicit Wire(kube::Transport& server) : server_(server) {}

  kube::KubeResult<kube::Response> call(const kube::Request& request, std::stop_token stop) override {
    if (request.target.find("/selfsubjectaccessreviews") == std::string::npos) return server_.call(request, stop);
    reviews.push_back(json::parse(request.body)["spec"]["resourceAttributes"]);
    return kube::Response{.status = 201, .body = json{{"status", {{"allowed", allowed}}}}.dump()};
  }
  kube::KubeResult<void> stream(const kube::Request& request, const kube::StreamOptions& options, const ChunkSink& sink,
                                std::stop_token stop) override {
    return server_.stream(request, options, sink, stop);
  }

  bool allowed = true;
  std::vector<json> reviews;

 private:
  kube::Transport& server_;
};

class SweeperTest : public ::testing::Test {
 protected:
  SweeperTest() {
    // File times are the real clock's.
    pass(base::SystemClock().now() - clock_.now() + std::chrono::minutes(2));
  }
  void pass(std::chrono::nanoseconds time) { clock_.advance(time); }
  void publish(const std::string& id) {
    artifacts::JobFile file;
    file.job_id = id;
    file.tenant = kTenant;
    file.created_by = "ana";
    ASSERT_TRUE(store_.publish_job(file));
  }
  void publish_many(int count) {
    for (int i = 0; i < count; ++i) publish("job-" + std::to_string(i));
  }
  void put_resource(const std::string& id, const json& more_meta = json::object()) {
    const job::JobSpec spec = testing::a_job().spec;
    json body = job::encode_new_job("vbrain", id, spec);
    body["metadata"].update(more_meta);
    api_.put(kJobs, body);
  }
  // Like the informer.
  void sync() {
    for (const std::string& name : jobs_.names()) jobs_.erase(name);
    for (const char* id : {kJobId, kOtherId}) {
      if (!resource(id).is_null()) jobs_.put(id, std::make_shared<const job::Job>(job::Job::decode(resource(id))));
    }
  }
  json resource(const std::string& id) { return api_.object(std::string(kJobs) + "/" + id); }
  bool has_folder(const std::string& id) { return store_.has_job(kTenant, id); }
  bool scan() { return sweeper_.scan({}); }

  vbrain::testing::TempDir folder_;
  artifacts::Store store_{folder_.path()};
  vbrain::testing::FakeApiServer api_;
  vbrain::testing::ManualClock clock_;
  Wire wire_{api_};
  kube::ApiClient client_{wire_};
  kube::Cache<job::Job> jobs_;
  base::Metrics metrics_;
  bool leading_ = true;
  std::function<void()> before_look_ = [] {};
  std::function<std::optional<base::TimePoint>()> volume_time_ = [this] { return clock_.now(); };
  Sweeper sweeper_{{.store = store_,
                    .client = client_,
                    .jobs = jobs_,
                    .metrics = metrics_,
                    .clock = clock_,
                    .namespace_name = "vbrain",
                    .may_write =
                        [this] {
                          before_look_();
                          return leading_;
                        },
                    .volume_time = [this] { return volume_time_(); }},
                   {}};
};

TEST(SweeperPause, IsTheIntervalOrTenTimesTheScan) {
  using namespace std::chrono_literals;
  const struct {
    const char* name;
    std::chrono::milliseconds walk;
    bool complete;
    std::chrono::milliseconds interval;
    std::chrono::milliseconds want;
  } cases[] = {
      {"a quick walk", 200ms, true, 60s, 60s},
      {"one that just fits", 6s, true, 60s, 60s},
      {"a huge volume", 90s, true, 60s, 900s},
      {"an unfinished walk is taken up sooner", 200ms, false, 60s, 30s},
      {"never later than the next one", 200ms, false, 5s, 5s},
      {"an unfinished long one is a load too", 20s, false, 60s, 200s},
  };
  for (const auto& c : cases) EXPECT_EQ(pause_after(c.walk, c.complete, c.interval), c.want) << c.name;
  EXPECT_EQ(SweeperOptions{}.scan_interval, 60s) << "a job whose resource is lost is back within two minutes";
}

TEST_F(SweeperTest, AFolderThatWasMovedAwayWithItsTenantGetsNoResource) {
  publish(kJobId);
  before_look_ = [this] { store_.trash_tenant(kTenant, store_.tenant_folders(kTenant), [] { return true; }); };
  EXPECT_TRUE(scan());
  EXPECT_TRUE(resource(kJobId).is_null());
}

TEST_F(SweeperTest, CreatesTheResourceOfAFolderThatHasNone) {
  publish(kJobId);
  EXPECT_TRUE(scan());
  const json job = resource(kJobId);
  ASSERT_FALSE(job.is_null());
  EXPECT_EQ(job["metadata"]["labels"][std::string(kRecoveredLabel)], "true");
  EXPECT_EQ(job["spec"]["username"], "ana");
  EXPECT_TRUE(scan()) << "the caches have not seen it yet";
  sync();
  EXPECT_TRUE(scan());
  EXPECT_EQ(api_.count("POST"), 2u) << "one refused as there already, then none";
}

TEST_F(SweeperTest, LeavesYoungFoldersArchivedOnesAndThoseAtWork) {
  publish(kJobId);
  pass(-std::chrono::minutes(2));
  EXPECT_TRUE(scan());
  EXPECT_EQ(api_.requests().size(), 0u) << "whoever publishes makes the resource next";
  pass(std::chrono::minutes(2));
  store_.write_status(kTenant, kJobId, {{"status", {{"phase", "Finished"}}}});
  publish(kOtherId);
  put_resource(kOtherId);
  sync();
  EXPECT_TRUE(scan());
  EXPECT_EQ(api_.requests().size(), 0u);
}

TEST_F(SweeperTest, FinishesDeletions) {
  publish(kJobId);
  put_resource(kJobId);
  store_.mark_deleted(kTenant, kJobId);
  publish(kOtherId);
  store_.mark_deleted(kTenant, kOtherId);
  sync();
  EXPECT_TRUE(scan());
  EXPECT_TRUE(resource(kJobId)["metadata"].contains("deletionTimestamp")) << "its purge follows";
  EXPECT_TRUE(has_folder(kJobId));
  EXPECT_FALSE(has_folder(kOtherId)) << "nobody else is there to remove it";
  sync();
  EXPECT_TRUE(scan());
  EXPECT_EQ(api_.count("DELETE"), 1u);
}

TEST_F(SweeperTest, AnotherJobOfTheSameNameIsNotDeleted) {
  publish(kJobId);
  put_resource(kJobId, {{"uid", "old"}});
  store_.mark_deleted(kTenant, kJobId);
  sync();
  api_.erase(std::string(kJobs) + "/" + kJobId);
  put_resource(kJobId, {{"uid", "new"}});
  EXPECT_TRUE(scan());
  EXPECT_FALSE(resource(kJobId)["metadata"].contains("deletionTimestamp"));
}

// A resource that the caches lack may exist: its folder must not be removed while its pod runs.
TEST_F(SweeperTest, AMarkedFolderWhoseResourceIsOnlyUnseenIsKept) {
  publish(kJobId);
  store_.mark_deleted(kTenant, kJobId);
  put_resource(kJobId);
  EXPECT_TRUE(scan());
  EXPECT_TRUE(has_folder(kJobId));
  EXPECT_TRUE(resource(kJobId)["metadata"].contains("deletionTimestamp"));
}

TEST_F(SweeperTest, ACorruptFolderDoesNotStopTheOthers) {
  for (const char* id : {"0-first", "zz-last"}) {
    write_file(folder_ / artifacts::layout::job_file(kTenant, id), "{half");
  }
  std::filesystem::create_directories(folder_ / (artifacts::layout::job(kTenant, "linked")));
  std::filesystem::create_symlink("/etc/passwd", folder_ / artifacts::layout::job_file(kTenant, "linked"));
  publish(kJobId);
  EXPECT_TRUE(scan());
  EXPECT_FALSE(resource(kJobId).is_null());
  EXPECT_EQ(api_.count("POST"), 1u);
}

TEST_F(SweeperTest, AnUnreadableTenantDoesNotStopTheOthers) {
  for (const char* client : {"a", "z"}) {
    const artifacts::Tenant spoilt{"acme", "Tutorial", client};
    write_file(folder_ / artifacts::layout::jobs(spoilt), "no folder");
    write_file(folder_ / artifacts::layout::trash(spoilt), "no folder");
  }
  publish(kJobId);
  EXPECT_TRUE(scan());
  EXPECT_FALSE(resource(kJobId).is_null());
  EXPECT_NE(metrics_.render().find("vbrain_volume_spoilt_folders_total 2"), std::string::npos);
  const auto& unreadable = metrics_.gauge("vbrain_volume_unreadable_folders", "");
  sweeper_.round({});
  const double of_one_scan = unreadable.Value();
  EXPECT_GE(of_one_scan, 2);
  sweeper_.round({});
  EXPECT_EQ(unreadable.Value(), of_one_scan) << "not counted again and again";
  for (const char* client : {"a", "z"}) {
    const artifacts::Tenant mended{"acme", "Tutorial", client};
    std::filesystem::remove(folder_ / artifacts::layout::jobs(mended));
    std::filesystem::remove(folder_ / artifacts::layout::trash(mended));
  }
  sweeper_.round({});
  EXPECT_EQ(unreadable.Value(), 0) << "somebody has repaired them";
}

TEST_F(SweeperTest, SweepsAlsoAfterAFailedScan) {
  write_file(folder_ / "tenants", "no folder");
  write_file(folder_ / ".probe-old", "x");
  pass(std::chrono::hours(25));
  EXPECT_FALSE(sweeper_.round({}));
  EXPECT_FALSE(std::filesystem::exists(folder_ / ".probe-old"));
}

TEST_F(SweeperTest, ARefusedJobDoesNotStopTheOthers) {
  publish(kJobId);
  publish(kOtherId);
  int refused = 0;
  api_.set_before([&](const kube::Request&) -> std::optional<kube::Error> {
    if (refused++ > 0) return {};
    return kube::error_from_response(422, R"({"kind":"Status","reason":"Invalid"})");
  });
  EXPECT_TRUE(scan());
  EXPECT_EQ(api_.count("POST"), 1u) << "the other one";
}

// Refused by a ValidatingAdmissionPolicy or a quota of objects: the scan continues with the other jobs.
TEST_F(SweeperTest, ForbiddenJobsDoNotStopTheOthers) {
  publish_many(25);
  publish(kJobId);
  store_.mark_deleted(kTenant, kJobId);
  api_.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method != "POST") return {};
    return kube::error_from_response(403, R"({"kind":"Status","reason":"Forbidden"})");
  });
  EXPECT_TRUE(scan());
  EXPECT_FALSE(has_folder(kJobId)) << "the last one to be looked at too";
  ASSERT_GE(wire_.reviews.size(), 1u);
  EXPECT_EQ(wire_.reviews[0],
            json({{"namespace", "vbrain"}, {"verb", "create"}, {"group", "vbrain.visagio.com"}, {"resource", "jobs"}}));
}

TEST_F(SweeperTest, WithoutTheRightToCreateJobsAScanEndsEarly) {
  publish_many(25);
  wire_.allowed = false;
  int asked = 0;
  api_.set_before([&](const kube::Request&) -> std::optional<kube::Error> {
    ++asked;
    return kube::error_from_response(403, R"({"kind":"Status","reason":"Forbidden"})");
  });
  EXPECT_FALSE(scan());
  EXPECT_EQ(asked, 10);
  EXPECT_EQ(wire_.reviews.size(), 1u);
}

TEST_F(SweeperTest, RefusalsCountInARowOnly) {
  publish_many(25);
  wire_.allowed = false;
  int asked = 0;
  api_.set_before([&](const kube::Request&) -> std::optional<kube::Error> {
    if (++asked % 9 == 0) return {};
    return kube::error_from_response(403, R"({"kind":"Status","reason":"Forbidden"})");
  });
  EXPECT_TRUE(scan());
  EXPECT_EQ(asked, 25);
}

TEST_F(SweeperTest, AnApiServerThatDoesNotAnswerIsNotAskedForEachFolder) {
  publish(kJobId);
  publish(kOtherId);
  int asked = 0;
  api_.set_before([&](const kube::Request&) -> std::optional<kube::Error> {
    ++asked;
    return kube::error_from_response(503, "{}");
  });
  EXPECT_FALSE(scan());
  EXPECT_EQ(asked, 1);
}

TEST_F(SweeperTest, AControllerWithoutTheLeaseChangesNothing) {
  publish(kJobId);
  leading_ = false;
  EXPECT_FALSE(scan());
  std::stop_source ended;
  ended.request_stop();
  leading_ = true;
  EXPECT_FALSE(sweeper_.scan(ended.get_token()));
  EXPECT_EQ(api_.requests().size(), 0u);
}

// The local clock is wrong by years. Ages use the file server's clock, which the volume reports.
TEST_F(SweeperTest, AClockOfOursThatIsWrongMakesNothingOld) {
  publish(kJobId);
  publish(kOtherId);
  store_.mark_deleted(kTenant, kOtherId);
  const std::string upload = folder_ / (artifacts::layout::staging(kTenant) + "/upload");
  write_file(upload + "/f", "x");
  for (const std::chrono::hours wrong : {std::chrono::hours(24 * 3'650), std::chrono::hours(-24 * 7'300)}) {
    pass(wrong);
    volume_time_ = [this] { return store_.probe(); };
    EXPECT_TRUE(sweeper_.round({}));
    EXPECT_EQ(api_.requests().size(), 0u) << "whoever publishes or deletes is still at it";
    EXPECT_TRUE(std::filesystem::exists(upload));
  }
  volume_time_ = [this] { return *store_.probe() + std::chrono::hours(25); };
  EXPECT_TRUE(sweeper_.round({}));
  EXPECT_FALSE(resource(kJobId).is_null());
  EXPECT_FALSE(has_folder(kOtherId));
  EXPECT_FALSE(std::filesystem::exists(upload));
}

TEST_F(SweeperTest, ByDefaultTheVolumeIsAskedForItsTime) {
  publish(kJobId);
  const std::string upload = folder_ / (artifacts::layout::staging(kTenant) + "/upload");
  write_file(upload + "/f", "x");
  pass(std::chrono::hours(24 * 3'650));
  Sweeper sweeper({.store = store_,
                   .client = client_,
                   .jobs = jobs_,
                   .metrics = metrics_,
                   .clock = clock_,
                   .namespace_name = "vbrain"},
                  {});
  EXPECT_TRUE(sweeper.round({}));
  EXPECT_EQ(api_.requests().size(), 0u);
  EXPECT_TRUE(std::filesystem::exists(upload));
}

TEST_F(SweeperTest, WithoutTheFileServersTimeNothingIsRemoved) {
  publish(kJobId);
  write_file(folder_ / (artifacts::layout::trash(kTenant) + "/old/f"), "x");
  pass(std::chrono::hours(25));
  volume_time_ = [] { return std::nullopt; };
  EXPECT_FALSE(sweeper_.round({}));
  volume_time_ = []() -> std::optional<base::TimePoint> { throw artifacts::VolumeError(EIO, "probe the volume"); };
  EXPECT_FALSE(sweeper_.round({}));
  EXPECT_EQ(api_.requests().size(), 0u);
  EXPECT_TRUE(std::filesystem::exists(folder_ / (artifacts::layout::trash(kTenant) + "/old")));
}

// A folder that was published after a scan began is young, however long the scan takes.
TEST_F(SweeperTest, ALongScanTakesNothingForOld) {
  publish(kJobId);
  volume_time_ = [this] { return *store_.probe() - std::chrono::hours(3); };
  before_look_ = [this] { pass(std::chrono::hours(3)); };
  EXPECT_TRUE(scan());
  EXPECT_EQ(api_.requests().size(), 0u);
}

TEST_F(SweeperTest, SweepsByAge) {
  const std::string trashed = folder_ / (artifacts::layout::trash(kTenant) + "/old");
  const std::string staged = folder_ / (artifacts::layout::staging(kTenant) + "/old");
  write_file(trashed + "/f", "x");
  write_file(staged + "/f", "x");
  sweeper_.sweep({});
  EXPECT_TRUE(std::filesystem::exists(trashed)) << "whoever moved it there is removing it";
  pass(std::chrono::minutes(10));
  sweeper_.sweep({});
  EXPECT_FALSE(std::filesystem::exists(trashed));
  EXPECT_TRUE(std::filesystem::exists(staged));
  pass(std::chrono::hours(24));
  sweeper_.sweep({});
  EXPECT_FALSE(std::filesystem::exists(staged));
}

// An application with its own user may leave files that the servers' user can't remove.
TEST_F(SweeperTest, CountsWhatCannotBeRemovedAndLogsItOnce) {
  using vbrain::testing::PodUser;
  if (!PodUser::differs()) GTEST_SKIP() << "needs a second user";
  namespace fs = std::filesystem;
  const std::string shut = folder_ / (artifacts::layout::trash(kTenant) + "/job-1-x/shut");
  write_file(shut + "/f", "x");
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path())) {
    fs::permissions(entry.path(), fs::perms::all);
  }
  fs::permissions(folder_.path(), fs::perms::all);
  fs::permissions(shut, fs::perms::none);
  pass(std::chrono::hours(1));
  const auto& failures = metrics_.counter("vbrain_volume_removal_failures_total", "");
  const PodUser user;
  ::testing::internal::CaptureStderr();
  sweeper_.sweep({});
  sweeper_.sweep({});
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(failures.Value(), 2);
  sweeper_.round({});
  EXPECT_EQ(metrics_.gauge("vbrain_volume_unremovable_folders", "").Value(), 1) << "of the last scan";
  EXPECT_EQ(log.find("open folder job-1-x/shut: Permission denied"),
            log.rfind("open folder job-1-x/shut: Permission denied"))
      << log;
  EXPECT_NE(log.find("tenants/acme/Tutorial/north/.trash"), std::string::npos) << log;
  EXPECT_TRUE(fs::exists(shut));
}

TEST_F(SweeperTest, RemovesIndexEntriesOfJobsThatNeverCame) {
  const std::string repository =
      store_.publish_repository(store_.stage(kTenant), {.repository_id = {}}, base::SystemClock().now());
  const auto leave_marker = [&](const std::string& id) {
    write_file(folder_ / artifacts::layout::marker(kTenant, repository, id), "");
  };
  const auto left = [&] { return store_.index_of(kTenant, repository)->size(); };
  leave_marker("job-1");
  pass(std::chrono::hours(25));
  sweeper_.sweep({});
  EXPECT_EQ(left(), 0u);
  leave_marker("job-2");
  pass(std::chrono::minutes(50));
  sweeper_.sweep({});
  EXPECT_EQ(left(), 1u) << "each job's folder is looked at for this: seldom";
  pass(std::chrono::minutes(20));
  sweeper_.sweep({});
  EXPECT_EQ(left(), 0u);
}

}  // namespace
}  // namespace vbrain::controller
