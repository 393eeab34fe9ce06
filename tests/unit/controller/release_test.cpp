#include "controller/release.hpp"

#include <gtest/gtest.h>

#include "job/job.hpp"
#include "support/fake_api_server.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;

const std::string kJobs = "/apis/vbrain.visagio.com/v1/namespaces/ns/jobs";

class ReleaseTest : public ::testing::Test {
 protected:
  void put_job(const std::string& name, const json& finalizers) {
    api_.put(kJobs, {{"metadata", {{"name", name}, {"namespace", "ns"}, {"finalizers", finalizers}}}});
  }
  json finalizers(const std::string& name) {
    const json job = api_.object(kJobs + "/" + name);
    return job.is_null() ? json() : job["metadata"].value("finalizers", json::array());
  }
  std::size_t release() {
    const auto released = release_jobs(client_, "ns", {});
    EXPECT_TRUE(released) << released.error().message;
    return released.value_or(0);
  }

  testing::FakeApiServer api_;
  kube::ApiClient client_{api_};
};

TEST_F(ReleaseTest, TakesOurFinalizerAndLeavesOthers) {
  put_job("a", {job::kFinalizer});
  put_job("b", {"example.com/backup", job::kFinalizer});
  put_job("c", json::array());
  EXPECT_EQ(release(), 2U);
  EXPECT_EQ(finalizers("a"), json::array());
  EXPECT_EQ(finalizers("b"), json({"example.com/backup"}));
  EXPECT_EQ(release(), 0U);
}

TEST_F(ReleaseTest, ReachesJobsOfEveryPage) {
  for (int i = 0; i < 1'203; ++i) put_job("job-" + std::to_string(i), {job::kFinalizer});
  EXPECT_EQ(release(), 1'203U);
  EXPECT_EQ(finalizers("job-1202"), json::array());
}

TEST_F(ReleaseTest, LooksAgainAtAJobThatChangedMeanwhile) {
  put_job("a", {job::kFinalizer});
  bool first = true;
  api_.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method != "PATCH" || !std::exchange(first, false)) return std::nullopt;
    return kube::Error{.code = kube::ErrorCode::kConflict, .http_status = 409};
  });
  EXPECT_EQ(release(), 1U);
  EXPECT_EQ(finalizers("a"), json::array());
}

TEST_F(ReleaseTest, ADefinitionThatIsGoneHasNoJobs) {
  api_.set_before([](const kube::Request&) -> std::optional<kube::Error> {
    return kube::Error{.code = kube::ErrorCode::kNotFound, .http_status = 404};
  });
  EXPECT_EQ(release(), 0U);
}

TEST_F(ReleaseTest, SaysWhatItMayNotDo) {
  put_job("a", {job::kFinalizer});
  api_.set_before([](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method != "PATCH") return std::nullopt;
    return kube::Error{.code = kube::ErrorCode::kForbidden, .http_status = 403, .message = "no right"};
  });
  const auto released = release_jobs(client_, "ns", {});
  ASSERT_FALSE(released);
  EXPECT_EQ(released.error().message, "no right");
}

}  // namespace
}  // namespace vbrain::controller
