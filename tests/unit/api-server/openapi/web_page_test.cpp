// The page for people (web/): its headers, its parts, and that an operator can hide it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api-server/openapi/embedded.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::HttpReply;
using ::testing::Not;
using testing::World;

TEST(WebPage, IsAtTheRootAndNeedsNoKey) {
  World world;
  const HttpReply reply = world.call("GET", "/", {});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(reply.header("Cache-Control"), "no-cache");
  EXPECT_EQ(reply.header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(reply.header("Referrer-Policy"), "no-referrer");
  EXPECT_EQ(world.call("GET", "/", {{"If-None-Match", reply.header("ETag")}}).status, 304);
  EXPECT_EQ(world.call("POST", "/", {}).status, 405);
}

TEST(WebPage, RunsItsOwnFilesOnlyAndMakesNoMarkup) {
  World world;
  for (const char* path : {"/", "/web/js/main.js", "/web/css/base.css", "/web/mark.svg"}) {
    EXPECT_THAT(
        world.call("GET", path, {}).header("Content-Security-Policy"),
        AllOf(HasSubstr("default-src 'none'"), HasSubstr("script-src 'self';"), HasSubstr("connect-src 'self';"),
              HasSubstr("frame-ancestors 'none'"), HasSubstr("trusted-types 'none'"), Not(HasSubstr("unsafe"))))
        << path;
  }
  const std::string page = world.call("GET", "/", {}).body;
  EXPECT_THAT(page, AllOf(Not(HasSubstr("<script>")), Not(HasSubstr("style=")), Not(HasSubstr("//"))));
}

TEST(WebPage, NamesAllItsModules) {
  World world;
  const std::string page = world.call("GET", "/", {}).body;
  int modules = 0;
  for (const EmbeddedFile& file : embedded_files()) {
    if (!file.path.starts_with("/web/js/") || !file.path.ends_with(".js")) continue;
    ++modules;
    // Those in a folder `later` are loaded when they are needed.
    const bool is_later = file.path.find("/later/") != std::string_view::npos;
    EXPECT_EQ(page.find("\"" + std::string(file.path.substr(1)) + "\"") != std::string::npos, !is_later) << file.path;
    EXPECT_EQ(file.media_type, "text/javascript; charset=utf-8");
  }
  EXPECT_GT(modules, 30);
}

TEST(WebPage, IsSmall) {
  std::size_t packed = 0;
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.path == "/" || file.path.starts_with("/web/")) packed += file.gzip.size();
  }
  EXPECT_LT(packed, 250U * 1000);
}

TEST(WebPage, AnOperatorCanHideIt) {
  World world;
  world.api = std::make_unique<Api>(*world.services, world.metrics, ServedFiles{.web = false});
  EXPECT_EQ(world.call("GET", "/", {}).status, 404);
  EXPECT_EQ(world.call("GET", "/web/js/main.js", {}).status, 404);
  EXPECT_EQ(world.call("GET", "/docs", {}).status, 200);
}

}  // namespace
}  // namespace vbrain::api
