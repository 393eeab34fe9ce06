#include "controller/reconcile/quota_memo.hpp"

#include <gtest/gtest.h>

#include "unit/controller/crowd.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

base::SteadyPoint at_ms(int time) {
  return base::SteadyPoint(milliseconds(time));
}

TEST(QuotaMemo, RefusesForAMoment) {
  QuotaMemo memo;
  EXPECT_FALSE(memo.look("tutorial", at_ms(0)));
  memo.note_full("tutorial", at_ms(0));
  EXPECT_FALSE(memo.look("other", at_ms(1)));
  const auto full = memo.look("tutorial", at_ms(1'999));
  ASSERT_TRUE(full);
  EXPECT_EQ(full->reason, "QuotaExceeded");
  EXPECT_TRUE(full->capacity);
  EXPECT_FALSE(memo.look("tutorial", at_ms(2'000))) << "being asked does not make it longer";
}

TEST(QuotaMemo, IsForgottenWhenAPodWasMade) {
  QuotaMemo memo;
  memo.note_full("tutorial", at_ms(0));
  memo.note_full("other", at_ms(0));
  memo.note_created("tutorial");
  EXPECT_FALSE(memo.look("tutorial", at_ms(1)));
  EXPECT_TRUE(memo.look("other", at_ms(1)));
}

TEST(QuotaMemo, NoJobReadsOfAnothersPod) {
  testing::Crowd crowd;
  crowd.api.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method != "POST" || request.target.find("/pods") == std::string::npos) return {};
    const std::string name = json::parse(request.body)["metadata"]["name"];
    const json body = {{"kind", "Status"},
                       {"code", 403},
                       {"reason", "Forbidden"},
                       {"message", "pods \"" + name + "\" is forbidden: exceeded quota: q"}};
    return kube::error_from_response(403, body.dump());
  });
  crowd.add_job("job-a", "north");
  crowd.add_job("job-b", "south");
  crowd.work();
  EXPECT_EQ(crowd.reason("job-b"), "QuotaExceeded");
  EXPECT_EQ(crowd.status("job-b").dump().find("job-a"), std::string::npos) << crowd.status("job-b");
}

TEST(QuotaMemo, AFullQuotaIsAskedForOneJobOfMany) {
  testing::Crowd crowd;
  bool full = true;
  int asked = 0;
  crowd.api.set_before([&](const kube::Request& request) -> std::optional<kube::Error> {
    if (request.method != "POST" || request.target.find("/pods") == std::string::npos) return {};
    ++asked;
    if (!full) return {};
    const json body = {{"kind", "Status"}, {"code", 403}, {"reason", "Forbidden"}, {"message", "exceeded quota: q"}};
    return kube::error_from_response(403, body.dump());
  });
  constexpr int kJobs = 30;
  for (int i = 0; i < kJobs; ++i) crowd.add_job("job-" + std::to_string(i));
  crowd.work();
  EXPECT_EQ(asked, 1);
  for (int i = 0; i < kJobs; ++i) EXPECT_EQ(crowd.reason("job-" + std::to_string(i)), "QuotaExceeded") << i;
  crowd.work_for(std::chrono::seconds(60));
  EXPECT_LE(asked, 1 + 60 / 2) << "however many wait";
  full = false;
  crowd.work_for(std::chrono::seconds(30));
  for (int i = 0; i < kJobs; ++i) {
    EXPECT_FALSE(crowd.api.object("/api/v1/namespaces/vbrain/pods/job-" + std::to_string(i) + "-1").is_null()) << i;
  }
}

}  // namespace
}  // namespace vbrain::controller
