// The log lines about a job have the trace of the request that created it.
#include <gmock/gmock.h>

#include <sstream>

#include "base/log/log.hpp"
#include "unit/controller/world/every_world.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using testing::World;

const std::string kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";

class JobLines : public testing::InEveryWorld {
 protected:
  JobLines() { base::set_log_level(base::LogLevel::kDebug); }
  ~JobLines() override { base::set_log_level(base::LogLevel::kInfo); }

  void add_job(World& world) {
    world.add_job();
    world.patch_metadata(
        {{"annotations", {{"vbrain.visagio.com/traceparent", "00-" + kTraceId + "-00f067aa0ba902b7-01"}}}});
  }

  // What is logged until nothing changes any more. Each line about the job has the trace.
  std::string run(World& world) {
    ::testing::internal::CaptureStderr();
    EXPECT_TRUE(world.run());
    const std::string all = ::testing::internal::GetCapturedStderr();
    std::istringstream log(all);
    for (std::string text; std::getline(log, text);) {
      const json line = json::parse(text, nullptr, false);
      if (!line.is_object() || !line.contains("job")) continue;
      EXPECT_EQ(line.value("trace_id", ""), kTraceId) << text;
    }
    return all;
  }
};

INSTANTIATE_TEST_SUITE_P(Worlds, JobLines, ::testing::ValuesIn(testing::all_flavours()), testing::name_of);

TEST_P(JobLines, UntilItEnds) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["backoffLimit"] = 2; });
  add_job(world);
  world.behave(1, {.exit_code = 3});
  // The second attempt: its claim is written, and then its folder is refused.
  int asked = 0;
  world.volume_refuses = [&](const std::string& what) { return what == "prepare" && ++asked > 1 && asked < 20; };
  const std::string log = run(world);
  for (const char* want : {"job waits", "job ended", "an action for a job failed and will be tried again"}) {
    EXPECT_THAT(log, HasSubstr(R"("message":")" + std::string(want)));
  }
}

TEST_P(JobLines, UntilItIsDeleted) {
  World world(GetParam());
  world.add_application();
  add_job(world);
  world.when_running(1, [](World& now) { now.delete_job(); });
  const std::string log = run(world);
  EXPECT_THAT(log, HasSubstr(R"("message":"a deleted job's files are removed")"));
  EXPECT_THAT(log, HasSubstr(R"("message":"job deleted")"));
}

TEST_P(JobLines, UntilItExpires) {
  World world(GetParam());
  world.add_application([](json& spec) { spec["ttlSecondsAfterFinished"] = 60; });
  add_job(world);
  world.let_jobs_expire();
  EXPECT_THAT(run(world),
              HasSubstr(R"("message":"Job resource removed after its ttlSecondsAfterFinished; its files stay")"));
}

}  // namespace
}  // namespace vbrain::controller
