#include "job/names.hpp"

#include <gtest/gtest.h>

namespace vbrain::job {
namespace {

using base::TimePoint;
using std::chrono::milliseconds;

TEST(Names, JobIdIsAVersion7Uuid) {
  const std::string id = make_job_id(TimePoint{milliseconds{0x01939c3e7a61}}, std::string(10, '\xff'));
  EXPECT_EQ(id, "01939c3e-7a61-7fff-bfff-ffffffffffff");
  EXPECT_EQ(make_job_id(TimePoint{milliseconds{0x01939c3e7a61}}, std::string(10, '\0')),
            "01939c3e-7a61-7000-8000-000000000000");
}

TEST(Names, JobIdsSortByTime) {
  const std::string earlier = make_job_id(TimePoint{milliseconds{1'000'000}}, std::string(10, '\xff'));
  const std::string later = make_job_id(TimePoint{milliseconds{1'000'001}}, std::string(10, '\0'));
  EXPECT_LT(earlier, later);
}

TEST(Names, NewJobIdsAreValidAndDiffer) {
  const std::string one = new_job_id(TimePoint{milliseconds{1}});
  EXPECT_TRUE(is_job_id(one));
  EXPECT_NE(one, new_job_id(TimePoint{milliseconds{1}}));
}

TEST(Names, RefusesInvalidJobIds) {
  EXPECT_TRUE(is_job_id("2e065d31-b19f-486a-85ab-b69afab282b5"));
  for (const std::string_view text :
       {"", "..", "2e065d31b19f486a85abb69afab282b5", "2E065D31-B19F-486A-85AB-B69AFAB282B5",
        "2e065d31-b19f-486a-85ab-b69afab282b", "2e065d31-b19f-486a-85ab-b69afab282b5x",
        "2e065d31-b19f-486a-85ab_b69afab282b5", "../../31-b19f-486a-85ab-b69afab282b5"}) {
    EXPECT_FALSE(is_job_id(text)) << text;
  }
}

TEST(Names, LabelHashIsShortAndStable) {
  EXPECT_EQ(label_hash("abc"), "ba7816bf8f01cfea");
  EXPECT_NE(label_hash("Operações"), label_hash("operações"));
}

TEST(Names, PodNameIsDeterministic) {
  EXPECT_EQ(pod_name("x", 2), "x-2");
}

}  // namespace
}  // namespace vbrain::job
