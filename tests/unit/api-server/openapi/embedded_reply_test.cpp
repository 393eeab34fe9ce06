// The files that the server carries: who gets them, in which form, and what else stands in the answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>

#include "api-server/openapi/embedded.hpp"
#include "api-server/openapi/embedded_reply.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using ::testing::HasSubstr;
using testing::Headers;
using testing::HttpReply;
using testing::World;

constexpr const char* kDocument = "/api/v1/openapi.json";

std::string unpacked(std::string_view packed, std::size_t size) {
  std::string text(size + 1, '\0');
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflateInit2(&stream, 16 + MAX_WBITS), Z_OK);
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  text.resize(stream.total_out);
  inflateEnd(&stream);
  return text;
}

TEST(EmbeddedReply, BothFormsHaveTheSameContent) {
  for (const EmbeddedFile& file : embedded_files()) {
    EXPECT_EQ(unpacked(file.gzip, file.plain.size()), file.plain) << file.path;
    EXPECT_FALSE(file.tag.empty()) << file.path;
  }
}

TEST(EmbeddedReply, AClientSaysWhetherItTakesGzip) {
  const struct {
    std::string_view header;
    bool want;
  } cases[] = {
      {"", false},
      {"gzip", true},
      {"GZIP", true},
      {"deflate, gzip;q=1.0, *;q=0.5", true},
      {"br , gzip", true},
      {"gzip;q=0", false},
      {"gzip; q=0.000, *", false},
      {"gzip;q=0.001", true},
      {"*", true},
      {"*;q=0", false},
      {"identity, br", false},
      {"xgzip, gzipx", false},
      {",,;,gzip;", true},
  };
  for (const auto& c : cases) EXPECT_EQ(takes_gzip(c.header), c.want) << c.header;
}

TEST(EmbeddedReply, TheDocumentNeedsNoKey) {
  World world;
  const HttpReply reply = world.call("GET", kDocument, {});
  ASSERT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(reply.json()["openapi"], "3.1.0");
  EXPECT_EQ(reply.header("Content-Type"), "application/json");
  EXPECT_EQ(reply.header("Cache-Control"), "no-cache");
  EXPECT_EQ(reply.header("Vary"), "Accept-Encoding");
  EXPECT_EQ(reply.header("X-Content-Type-Options"), "nosniff");
  EXPECT_FALSE(reply.header("X-Request-Id").empty());
}

// The page for people, and clients that are made of it, read there what the server can do.
TEST(EmbeddedReply, TheDocumentSaysThatNoUploadBeginsWhereTheyAreTurnedOff) {
  World on;
  World off(Limits{.max_uploads = 0});
  const HttpReply with = on.call("GET", kDocument, {});
  const HttpReply without = off.call("GET", kDocument, {});
  EXPECT_TRUE(with.json()["paths"]["/uploads"].contains("post"));
  EXPECT_FALSE(without.json()["paths"]["/uploads"].contains("post"));
  EXPECT_NE(with.header("ETag"), without.header("ETag"));
  EXPECT_EQ(off.call("GET", "openapi.json without uploads", {}).status, 400) << "no path";
}

TEST(EmbeddedReply, AKnownVersionIsNotSentAgain) {
  World world;
  const std::string tag = world.call("GET", kDocument, {}).header("ETag");
  ASSERT_GT(tag.size(), 2u);
  const HttpReply known = world.call("GET", kDocument, {{"If-None-Match", tag}});
  EXPECT_EQ(known.status, 304);
  EXPECT_EQ(known.body, "");
  EXPECT_EQ(known.header("ETag"), tag);
  EXPECT_EQ(world.call("GET", kDocument, {{"If-None-Match", "\"other\""}}).status, 200);
}

TEST(EmbeddedReply, GzipHasATagOfItsOwn) {
  World world;
  const HttpReply plain = world.call("GET", kDocument, {});
  const HttpReply packed = world.call("GET", kDocument, {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(plain.header("Content-Encoding"), "");
  EXPECT_EQ(packed.header("Content-Encoding"), "gzip");
  EXPECT_NE(packed.header("ETag"), plain.header("ETag"));
  EXPECT_EQ(unpacked(packed.body, plain.body.size()), plain.body);
}

TEST(EmbeddedReply, OnlyReadingIsAllowed) {
  World world;
  const HttpReply head = world.call("HEAD", kDocument, {});
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  const HttpReply reply = world.call("POST", kDocument, {});
  EXPECT_EQ(reply.status, 405);
  EXPECT_EQ(reply.header("Allow"), "GET, HEAD");
  EXPECT_EQ(reply.header("Cache-Control"), "no-store");
}

TEST(EmbeddedReply, ThePageLoadsItsOwnFilesOnly) {
  World world;
  const HttpReply page = world.call("GET", "/docs", {});
  ASSERT_EQ(page.status, 200);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.header("Content-Security-Policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  EXPECT_EQ(page.header("Referrer-Policy"), "no-referrer");
  for (const char* file : {"docs/page.js", "docs/page.css", "docs/swagger-ui.css", "docs/swagger-ui-bundle.js",
                           "docs/license.txt", "api/v1/openapi.json"}) {
    EXPECT_THAT(page.body, HasSubstr("\"" + std::string(file) + "\""));
    EXPECT_EQ(world.call("HEAD", "/" + std::string(file), {}).status, 200) << file;
  }
}

TEST(EmbeddedReply, ThePageHasOneAddress) {
  World world;
  const HttpReply moved = world.call("GET", "/docs/", {});
  EXPECT_EQ(moved.status, 308);
  EXPECT_EQ(moved.header("Location"), "../docs");
  for (const char* path : {"/docs/x", "/docsx", "/docs/page.js/", "/docs/../docs", "/api/v1/openapi"}) {
    EXPECT_EQ(world.call("GET", path, {}).status, 404) << path;
  }
}

TEST(EmbeddedReply, AnOperatorCanHideThem) {
  World world;
  world.api = std::make_unique<Api>(*world.services, world.metrics, ServedFiles{.docs = false, .web = false});
  for (const char* path : {kDocument, "/docs", "/docs/", "/docs/page.js"}) {
    const HttpReply reply = world.call("GET", path, {});
    EXPECT_EQ(reply.status, 404) << path;
    EXPECT_EQ(reply.json()["error"], "Not found") << path;
  }
}

TEST(EmbeddedReply, ThePageForPeopleHasTheDocumentAlsoWithoutDocs) {
  World world;
  EXPECT_EQ(world.call("GET", kDocument, {}).header("Link"), "<../../docs>; rel=\"service-doc\"");
  world.api = std::make_unique<Api>(*world.services, world.metrics, ServedFiles{.docs = false});
  const HttpReply document = world.call("GET", kDocument, {});
  EXPECT_EQ(document.status, 200);
  EXPECT_EQ(document.header("Link"), "");
  EXPECT_EQ(world.call("GET", "/", {}).status, 200);
  EXPECT_EQ(world.call("GET", "/docs", {}).status, 404);
}

TEST(EmbeddedReply, TheDocumentIsThereAlsoWithoutThePageForPeople) {
  World world;
  world.api = std::make_unique<Api>(*world.services, world.metrics, ServedFiles{.web = false});
  EXPECT_EQ(world.call("GET", kDocument, {}).status, 200);
  EXPECT_EQ(world.call("GET", "/docs", {}).status, 200);
  EXPECT_EQ(world.call("GET", "/", {}).status, 404);
}

}  // namespace
}  // namespace vbrain::api
