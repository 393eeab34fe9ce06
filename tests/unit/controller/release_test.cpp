#include "controller/release.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "controller/uninstall/release_jobs.hpp"
#include "controller/uninstall/uninstall.hpp"
#include "controller/uninstall/uninstall_watch.hpp"
#include "job/client.hpp"
#include "job/job.hpp"
#include "support/cpp/fake_api_server.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;

const std::string kJobs = "/apis/vbrain.visagio.com/v1/namespaces/ns/jobs";

class ReleaseTest : public ::testing::Test {
 protected:
  void put_job(const std::string& name, const json& finalizers, bool marked = false) {
    json meta = {{"name", name}, {"namespace", "ns"}, {"finalizers", finalizers}};
    if (marked) meta["deletionTimestamp"] = "2026-01-01T00:00:00Z";
    api_.put(kJobs, {{"metadata", meta}});
  }
  json finalizers(const std::string& name) {
    const json job = api_.object(kJobs + "/" + name);
    return job.is_null() ? json() : job["metadata"].value("finalizers", json::array());
  }
  Release release(ReleaseScope scope = ReleaseScope::kAllJobs) {
    const auto released = release_jobs(client_, "ns", {.scope = scope, .between_passes = {}}, {});
    EXPECT_TRUE(released) << released.error().message;
    return released.value_or(Release{});
  }
  // Patches of some Jobs get an error, so many times.
  void refuse(std::function<bool(const std::string& target)> these, kube::Error error, int times) {
    api_.set_before([these, error, left = std::make_shared<std::atomic<int>>(times)](
                        const kube::Request& request) -> std::optional<kube::Error> {
      if (request.method != "PATCH" || !these(request.target) || (*left)-- <= 0) return std::nullopt;
      return error;
    });
  }

  testing::FakeApiServer api_;
  kube::ApiClient client_{api_};
};

TEST_F(ReleaseTest, TakesOurFinalizerAndLeavesOthers) {
  put_job("a", {job::kFinalizer});
  put_job("b", {"example.com/backup", job::kFinalizer});
  put_job("c", json::array());
  EXPECT_EQ(release().released, 2U);
  EXPECT_EQ(finalizers("a"), json::array());
  EXPECT_EQ(finalizers("b"), json({"example.com/backup"}));
  EXPECT_EQ(release().released, 0U);
}

TEST_F(ReleaseTest, TakesItFromMarkedJobsAloneIfToldSo) {
  put_job("marked", {job::kFinalizer, "example.com/backup"}, true);
  put_job("other", {job::kFinalizer});
  EXPECT_EQ(release(ReleaseScope::kMarkedJobs).released, 1U);
  EXPECT_EQ(finalizers("other"), json({job::kFinalizer}));
}

TEST_F(ReleaseTest, TakesTheFinalizerOfClientsThatAreToBePurged) {
  const std::string clients = "/apis/vbrain.visagio.com/v1/namespaces/ns/clients";
  const json meta = {{"name", "north"}, {"namespace", "ns"}, {"finalizers", {"example.com/x", job::kPurgeFinalizer}}};
  api_.put(clients, {{"metadata", meta}});
  EXPECT_EQ(release().released_clients, 1U);
  EXPECT_EQ(api_.object(clients + "/north")["metadata"]["finalizers"], json({"example.com/x"}));
}

TEST_F(ReleaseTest, ReachesJobsOfEveryPage) {
  for (int i = 0; i < 1'203; ++i) put_job("job-" + std::to_string(i), {job::kFinalizer});
  EXPECT_EQ(release().released, 1'203U);
  EXPECT_EQ(finalizers("job-1202"), json::array());
}

TEST_F(ReleaseTest, WorksOnManyJobsAtOnce) {
  for (int i = 0; i < 64; ++i) put_job("job-" + std::to_string(i), {job::kFinalizer});
  // None of them goes on before eight are under way.
  std::latch eight(8);
  std::atomic<int> patches{0};
  api_.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method == "PATCH" && patches++ < 8) eight.arrive_and_wait();
    return std::nullopt;
  });
  EXPECT_EQ(release().released, 64U);
}

TEST_F(ReleaseTest, LooksAgainAtAJobThatChangedMeanwhile) {
  put_job("a", {job::kFinalizer});
  refuse([](const std::string&) { return true; }, {.code = kube::ErrorCode::kConflict, .http_status = 409}, 1);
  const Release done = release();
  EXPECT_EQ(done.released, 1U);
  EXPECT_EQ(done.refused, 0U);
  EXPECT_EQ(finalizers("a"), json::array());
}

TEST_F(ReleaseTest, GoesPastAJobThatIsRefusedAndSaysWhy) {
  for (const char* name : {"a", "b", "c"}) put_job(name, {job::kFinalizer});
  refuse([](const std::string& target) { return target.find("/jobs/a") != std::string::npos; },
         {.code = kube::ErrorCode::kForbidden, .http_status = 403, .message = "denied by a policy"}, 1'000);
  const Release done = release();
  EXPECT_EQ(done.released, 2U);
  EXPECT_EQ(done.refused, 1U);
  EXPECT_EQ(done.reasons, std::vector<std::string>{"a: denied by a policy"});
  EXPECT_EQ(finalizers("c"), json::array());
}

TEST_F(ReleaseTest, ADefinitionThatIsGoneHasNoJobs) {
  api_.set_before([](const kube::Request&) -> std::optional<kube::Error> {
    return kube::Error{.code = kube::ErrorCode::kNotFound, .http_status = 404};
  });
  EXPECT_EQ(release().released, 0U);
}

TEST_F(ReleaseTest, SaysThatItMayNotList) {
  api_.set_before([](const kube::Request&) -> std::optional<kube::Error> {
    return kube::Error{.code = kube::ErrorCode::kForbidden, .http_status = 403, .message = "no right"};
  });
  const auto released = release_jobs(client_, "ns", {.between_passes = {}}, {});
  ASSERT_FALSE(released);
  EXPECT_EQ(released.error().message, "no right");
}

// The fake API server, with answers about the namespace itself and about what can be done with Jobs.
class DiscoveryServer final : public kube::Transport {
 public:
  explicit DiscoveryServer(kube::Transport& server) : server_(server) {}

  kube::KubeResult<kube::Response> call(const kube::Request& request, std::stop_token stop) override {
    if (request.target == "/api/v1/namespaces/ns") {
      json meta = json::object();
      meta["name"] = "ns";
      if (namespace_marked) meta["deletionTimestamp"] = "2026-01-01T00:00:00Z";
      return kube::Response{.status = 200, .body = json{{"metadata", meta}}.dump()};
    }
    if (request.target != "/apis/vbrain.visagio.com/v1") return server_.call(request, stop);
    if (verbs.empty()) return tl::unexpected(kube::error_from_response(404, R"({"reason":"NotFound"})"));
    const json list = {{"resources", json::array({{{"name", "jobs"}, {"verbs", verbs}}})}};
    return kube::Response{.status = 200, .body = list.dump()};
  }
  kube::KubeResult<void> stream(const kube::Request& request, const kube::StreamOptions& options, const ChunkSink& sink,
                                std::stop_token stop) override {
    return server_.stream(request, options, sink, stop);
  }

  bool namespace_marked = false;
  std::vector<std::string> verbs{"create", "get"};

 private:
  kube::Transport& server_;
};

class UninstallTest : public ReleaseTest {
 protected:
  bool leaving() { return is_being_uninstalled(client_, "ns", {}).value_or(false); }

  DiscoveryServer server_{api_};
  kube::ApiClient client_{server_};
};

TEST_F(UninstallTest, IsSeenByNamespaceAndDefinition) {
  EXPECT_FALSE(leaving());
  server_.namespace_marked = true;
  EXPECT_TRUE(leaving());
  server_.namespace_marked = false;
  server_.verbs = {"get", "delete"};
  EXPECT_TRUE(leaving());
  server_.verbs.clear();
  EXPECT_TRUE(leaving());
}

TEST_F(UninstallTest, AControllerThatIsToldToEndReleasesAllJobs) {
  UninstallWatch watch(client_, "ns");
  put_job("a", {job::kFinalizer});
  watch.end_of_program();
  EXPECT_EQ(finalizers("a"), json({job::kFinalizer})) << "a restart, an upgrade";
  server_.namespace_marked = true;
  watch.end_of_program();
  EXPECT_EQ(finalizers("a"), json::array());
}

TEST_F(UninstallTest, MarkedJobsAreReleasedAtOnce) {
  put_job("marked", {job::kFinalizer, "example.com/backup"}, true);
  server_.namespace_marked = true;
  UninstallWatch watch(client_, "ns");
  std::latch released(1);
  api_.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method == "PATCH") released.count_down();
    return std::nullopt;
  });
  {
    std::jthread term([&](std::stop_token stop) { watch.run(stop); });
    released.wait();
  }
  EXPECT_EQ(finalizers("marked"), json({"example.com/backup"}));
}

// `controller release-jobs`, with its Lease.
class ReleaseProgram : public UninstallTest {
 protected:
  int run(std::stop_token stop = {}) {
    return release_all(server_, "ns", {.namespace_name = "ns", .name = "vbrain-controller", .identity = "release-jobs"},
                       std::move(stop));
  }
};

TEST_F(ReleaseProgram, EndsWithZeroWhenNoJobCarriesTheFinalizer) {
  EXPECT_EQ(run(), 0) << "no Job at all";
  put_job("a", {job::kFinalizer});
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(finalizers("a"), json::array());
}

TEST_F(ReleaseProgram, EndsWithOneWhenItMayNotListJobs) {
  api_.set_before([](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.target.find("/jobs") == std::string::npos) return std::nullopt;
    return kube::Error{.code = kube::ErrorCode::kForbidden, .http_status = 403, .message = "no right"};
  });
  EXPECT_EQ(run(), 1);
}

TEST_F(ReleaseProgram, StopsWhenToldSoAndSaysThatItIsNotDone) {
  put_job("a", {job::kFinalizer});
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(run(stopped.get_token()), 1);
  EXPECT_EQ(finalizers("a"), json({job::kFinalizer}));
}

TEST_F(ReleaseProgram, GoesOnWhenTheDeletionOfItsNamespaceStopsIt) {
  put_job("a", {job::kFinalizer});
  server_.namespace_marked = true;
  std::stop_source stopped;
  // It is told to stop while its first patch is under way, which gets no answer.
  api_.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method != "PATCH" || !stopped.request_stop()) return std::nullopt;
    return kube::cancelled_error();
  });
  EXPECT_EQ(run(stopped.get_token()), 0);
  EXPECT_EQ(finalizers("a"), json::array());
}

}  // namespace
}  // namespace vbrain::controller
