#include "unit/controller/space/offboarding_world.hpp"

#include <sstream>

#include "controller/space/usage_report.hpp"

namespace vbrain::controller {
namespace {

TEST(UsageReport, NamesTenantsAsTheirUsersDoTheLargestFirst) {
  const std::string text = render_usage(
      {{.path = "tenants/acme/Tutorial/north", .jobs = 1, .repositories = 2, .stored = {10, 3}},
       {.path = "tenants/a%2Fb/Tutorial/x~0123", .jobs = 4, .repositories = 0, .stored = {500, 8}, .trash = {7, 1}},
       {.path = "tenants/a%2Fb/Tutorial/y", .jobs = 0, .repositories = 0}});
  EXPECT_EQ(text,
            "ORGANIZATION   APPLICATION   CLIENT   JOBS   REPOSITORIES   FILES   BYTES   STAGING   TRASH\n"
            "a%2Fb          Tutorial      x~0123   4      0              8       500     0         7\n"
            "acme           Tutorial      north    1      2              3       10      0         0\n"
            "a/b            Tutorial      y        0      0              0       0       0         0\n"
            "(all)                                 5      2              11      510     0         7\n");
}

TEST_F(OffboardingTest, TheReportMeasuresTheWholeVolume) {
  std::ostringstream out;
  EXPECT_EQ(run_usage(folder_.path(), out), 0);
  EXPECT_THAT(out.str(), ::testing::ContainsRegex("acme +Tutorial +north +1 +1 +3 +"));
  EXPECT_THAT(out.str(), ::testing::ContainsRegex("\\(all\\) +2 +2 +6 +"));
}

}  // namespace
}  // namespace vbrain::controller
