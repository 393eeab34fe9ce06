// The log lines about a job have the trace of the request that created it.
#include <gmock/gmock.h>

#include <sstream>

#include "base/log/log.hpp"
#include "unit/controller/world/paths.hpp"
#include "unit/controller/world/world.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using testing::World;

const std::string kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";

class JobLines : public ::testing::Test {
 protected:
  JobLines() { base::set_log_level(base::LogLevel::kDebug); }
  ~JobLines() override { base::set_log_level(base::LogLevel::kInfo); }

  void add_job(World& world) {
    world.add_job();
    world.patch_metadata(
        {{"annotations", {{"vbrain.visagio.com/traceparent", "00-" + kTraceId + "-00f067aa0ba902b7-01"}}}});
  }

  // The messages of the lines about the job, each of which has the trace.
  std::vector<std::string> run(World& world) {
    ::testing::internal::CaptureStderr();
    EXPECT_TRUE(world.run());
    std::istringstream log(::testing::internal::GetCapturedStderr());
    std::vector<std::string> messages;
    for (std::string text; std::getline(log, text);) {
      const json line = json::parse(text, nullptr, false);
      if (!line.is_object() || !line.contains("job")) continue;
      EXPECT_EQ(line.value("trace_id", ""), kTraceId) << text;
      messages.push_back(line["message"]);
    }
    return messages;
  }
};

TEST_F(JobLines, UntilItEnds) {
  World world;
  world.add_application([](json& spec) { spec["backoffLimit"] = 2; });
  add_job(world);
  world.behave(1, {.exit_code = 3});
  int refused = 0;
  world.volume_refuses = [&](const std::string& what) { return what == "prepare" && ++refused < 20; };
  const auto messages = run(world);
  for (const char* want :
       {"job goes on", "job waits", "job ended", "an action for a job failed and will be tried again"}) {
    EXPECT_THAT(messages, ::testing::Contains(want));
  }
}

TEST_F(JobLines, UntilItIsDeleted) {
  World world;
  world.add_application();
  add_job(world);
  world.when_running(1, [](World& now) { now.delete_job(); });
  const auto messages = run(world);
  EXPECT_THAT(messages, ::testing::Contains("a deleted job's files are removed"));
  EXPECT_THAT(messages, ::testing::Contains("job deleted"));
}

TEST_F(JobLines, UntilItExpires) {
  World world;
  world.add_application([](json& spec) { spec["ttlSecondsAfterFinished"] = 60; });
  add_job(world);
  world.let_jobs_expire();
  EXPECT_THAT(run(world),
              ::testing::Contains("Job resource removed after its ttlSecondsAfterFinished; its files stay"));
}

}  // namespace
}  // namespace vbrain::controller
