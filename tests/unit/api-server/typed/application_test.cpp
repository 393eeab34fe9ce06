// GET /application.
#include <gtest/gtest.h>

#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using testing::HttpReply;
using testing::World;

const std::string kPath = "/api/v1/application";

void change(World& world, const std::function<void(job::Application&)>& change) {
  auto application = std::make_shared<job::Application>(*world.applications.get("tutorial"));
  change(*application);
  world.applications.put("tutorial", application);
}

TEST(GetApplication, ShowsSchemasAndLimitsAndNothingOfTheTemplate) {
  World world;
  EXPECT_EQ(world.get(kPath).body, R"({"application":"Tutorial","attempts":1})");
  change(world, [](job::Application& it) {
    it.template_json = R"({"spec":{"containers":[{"name":"main","image":"registry.example.com/secret"}]}})";
    it.params_schema = R"({"type":"object"})";
    it.result_schema = R"({"type":"number"})";
    it.output_limit = "1Ki";
    it.active_deadline_seconds = 60;
    it.backoff_limit = 2;
  });
  for (const char* user : {"ana", "dora", "stan"}) {
    const HttpReply reply = world.call("GET", kPath, World::identity(user));
    EXPECT_EQ(reply.status, 200) << user;
    EXPECT_EQ(reply.body, R"({"application":"Tutorial","params_schema":{"type":"object"},)"
                          R"("result_schema":{"type":"number"},"output_limit_bytes":1024,)"
                          R"("deadline_seconds":60,"attempts":3})");
  }
}

TEST(GetApplication, HasATagThatChangesWithTheSchema) {
  World world;
  const std::string tag = world.get(kPath).header("ETag");
  ASSERT_NE(tag, "");
  EXPECT_EQ(world.get(kPath, {{"If-None-Match", tag}}).status, 304);
  EXPECT_EQ(world.get(kPath, {{"If-Match", "\"other\""}}).status, 412);
  change(world, [](job::Application& it) { it.params_schema = R"({"type":"object"})"; });
  EXPECT_EQ(world.get(kPath, {{"If-None-Match", tag}}).status, 200);
}

TEST(GetApplication, ALongSchemaIsSentWhole) {
  World world;
  const std::string schema = R"({"description":")" + std::string(100'000, 'x') + "\"}";
  change(world, [&](job::Application& it) { it.params_schema = schema; });
  EXPECT_EQ(world.get(kPath).body, R"({"application":"Tutorial","params_schema":)" + schema + R"(,"attempts":1})");
}

TEST(GetApplication, IsTheOldestOneAndOnlyIfItIsOpen) {
  World world;
  auto newer = std::make_shared<job::Application>(*world.applications.get("tutorial"));
  newer->meta.name = "newer";
  newer->meta.creation_timestamp = base::TimePoint(std::chrono::hours(24 * 365 * 100));
  newer->params_schema = R"({"type":"array"})";
  world.applications.put("newer", newer);
  EXPECT_EQ(world.get(kPath).body, R"({"application":"Tutorial","attempts":1})");
  change(world, [](job::Application& it) { it.organizations = {"globex"}; });
  const HttpReply closed = world.get(kPath);
  EXPECT_EQ(closed.status, 404);
  EXPECT_EQ(closed.json().value("error", ""), "Not found");
}

}  // namespace
}  // namespace vbrain::api
