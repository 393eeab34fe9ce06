#include "controller/pods/memory_growth.hpp"

#include <gtest/gtest.h>

#include "controller/planning/plan.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::a_job;
using testing::a_template;
using testing::an_application;
using testing::PodOf;
using testing::Scene;

struct Past {
  const char* reason;
  const char* memory_limit;
};

job::JobStatus attempt_after(const std::vector<Past>& history) {
  job::JobStatus status;
  for (const Past& past : history) {
    job::AttemptRecord record;
    record.attempt = ++status.attempts;
    record.reason = past.reason;
    record.memory_limit = past.memory_limit;
    status.attempt_history.push_back(record);
  }
  ++status.attempts;
  return status;
}

json template_with_memory(const json& memory) {
  json pod_template = a_template();
  pod_template["spec"]["containers"][0]["resources"]["limits"] =
      memory.is_null() ? json::object() : json{{"memory", memory}};
  return pod_template;
}

TEST(MemoryGrowth, FollowsTheLastAttempt) {
  struct Case {
    const char* when;
    json memory;
    const char* factor;
    const char* limit;
    std::vector<Past> history;
    const char* want;
  };
  const Case cases[] = {
      {"first attempt", "64Mi", "2", "4Gi", {}, "64Mi"},
      {"after lack of memory", "64Mi", "2", "4Gi", {{"OOMKilled", "64Mi"}}, "128Mi"},
      {"again", "64Mi", "2", "4Gi", {{"OOMKilled", "64Mi"}, {"OOMKilled", "128Mi"}}, "256Mi"},
      {"a fraction, in whole mebibytes", "65Mi", "1.5", "4Gi", {{"OOMKilled", "65Mi"}}, "98Mi"},
      {"up to the limit", "3Gi", "2", "4Gi", {{"OOMKilled", "3Gi"}}, "4Gi"},
      {"and no further", "3Gi", "2", "4Gi", {{"OOMKilled", "4Gi"}}, "4Gi"},
      {"what was reached is kept", "64Mi", "2", "4Gi", {{"OOMKilled", "64Mi"}, {"NonZeroExit", "128Mi"}}, "128Mi"},
      {"another failure asks for nothing", "64Mi", "2", "4Gi", {{"NonZeroExit", "64Mi"}}, "64Mi"},
      {"the operator gave more meanwhile", "1Gi", "2", "4Gi", {{"OOMKilled", "64Mi"}}, "1Gi"},
      {"a limit below the template's", "2Gi", "2", "1Gi", {{"OOMKilled", "2Gi"}}, "2Gi"},
      {"no growth wanted", "64Mi", "", "", {{"OOMKilled", "64Mi"}}, "64Mi"},
      {"no limit to grow from", nullptr, "2", "4Gi", {{"OOMKilled", ""}}, ""},
      {"a number of bytes", 67108864, "2", "4Gi", {{"OOMKilled", "67108864"}}, "128Mi"},
      {"a record without a limit", "64Mi", "2", "4Gi", {{"OOMKilled", ""}}, "128Mi"},
      {"an odd factor", "64Mi", "0.5", "4Gi", {{"OOMKilled", "64Mi"}}, "64Mi"},
      {"an odd limit", "64Mi", "2", "much", {{"OOMKilled", "64Mi"}}, "64Mi"},
      {"no end of growth", "4Ei", "16", "7Ei", {{"OOMKilled", "4Ei"}}, "4Ei"},
  };
  for (const Case& c : cases) {
    job::Application application = an_application(template_with_memory(c.memory));
    application.memory_growth_factor = c.factor;
    application.memory_growth_limit = c.limit;
    EXPECT_EQ(memory_limit_of_attempt(application, attempt_after(c.history)), c.want) << c.when;
  }
}

TEST(MemoryGrowth, IsSaidAndRecorded) {
  Scene scene = Scene().attempt(1).pod(PodOf().ended(137, "", "OOMKilled")).files(testing::claimed_by_runner());
  scene.backoff_limit(1).memory_growth("2", "4Gi");
  const job::JobStatus next = std::get<WriteStatus>(plan(scene.build()).actions.at(0)).status;
  EXPECT_EQ(next.attempts, 2);
  EXPECT_EQ(next.attempt_history.at(0).reason, "OOMKilled");
  EXPECT_EQ(next.attempt_history.at(0).memory_limit, "64Mi");
  EXPECT_NE(next.message.find("with 128Mi of memory"), std::string::npos) << next.message;
  Snapshot second = Scene()
                        .backoff_limit(1)
                        .memory_growth("2", "4Gi")
                        .pod(PodOf(2).ended(137, "", "OOMKilled"))
                        .files(testing::claimed_by_runner())
                        .build();
  second.job.status = next;
  const job::JobStatus end = std::get<WriteStatus>(plan(second).actions.at(0)).status;
  EXPECT_EQ(end.phase, job::Phase::kFailed) << "growth does not make more of the attempts";
  EXPECT_EQ(end.reason, "OOMKilled");
  EXPECT_EQ(end.attempt_history.at(1).memory_limit, "128Mi");
}

}  // namespace
}  // namespace vbrain::controller
