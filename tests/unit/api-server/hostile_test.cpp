// Hostile requests through the real listener. More of them are in submission_test (bodies), unit/http/server_test
// (heads), unit/http/limits_test (slow clients) and failure_limit_test (keys).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "api-server/auth/hide_secrets.hpp"
#include "base/text/digest.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/api-server/uploads/tus_client.hpp"
#include "unit/artifacts/zip_builder.hpp"

namespace vbrain::api {
namespace {

using ::testing::Contains;
using testing::Headers;
using testing::HttpReply;
using ::testing::IsEmpty;
using testing::kMultipartType;
using testing::multipart;
using testing::RawClient;
using testing::status_of;
using testing::World;
using vbrain::testing::build_zip;
using vbrain::testing::deflate_raw;

const std::string kExecute = "/api/v1/job/execute";

std::string identity_lines() {
  std::string lines;
  for (const auto& [name, value] : World::identity("ana")) lines += name + ": " + value + "\r\n";
  return lines;
}

std::string hex(std::size_t number) {
  std::ostringstream text;
  text << std::hex << number;
  return text.str();
}

HttpReply upload(World& world, const std::string& filename, const std::string& content) {
  return world.post(kExecute, kMultipartType, multipart({{"name=file; filename=\"" + filename + "\"", content}}));
}

void expect_nothing_kept(World& world) {
  // The volume's pool removes staging folders at some later time.
  EXPECT_TRUE(world.server->drain(std::chrono::seconds(10)));
  world.finish_volume_work();
  EXPECT_THAT(world.files("jobs"), IsEmpty());
  EXPECT_THAT(world.files("repositories"), IsEmpty());
  EXPECT_THAT(world.files(".staging"), IsEmpty());
  EXPECT_THAT(world.kube.requests(), IsEmpty());
}

TEST(Hostile, OtherMethodsAre405) {
  World world;
  const std::string id = world.make_job(job::Phase::kFinished);
  for (const std::string method : {"TRACE", "PROPFIND", "PATCH", "PUT", "CONNECT", "get", "SEARCH"}) {
    const HttpReply reply = world.call(method, "/api/v1/job/" + id, World::identity("ana"));
    EXPECT_EQ(reply.status, 405) << method;
    EXPECT_EQ(reply.body, R"({"error":"Method not allowed"})") << method;
    EXPECT_NE(reply.header("Allow"), "") << method;
  }
  const HttpReply tunnel = world.call("CONNECT", "10.96.0.1:443", World::identity("ana"));
  EXPECT_EQ(tunnel.status, 405);
  EXPECT_NE(tunnel.header("Allow"), "");
}

TEST(Hostile, TheMethodIsTheRequestLines) {
  World world;
  const std::string id = world.make_job(job::Phase::kFinished);
  for (const char* name : {"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "_method"}) {
    for (const char* method : {"DELETE", "POST", "TRACE"}) {
      EXPECT_EQ(world.get("/api/v1/job/" + id, {{name, method}}).status, 200) << name << method;
    }
  }
  EXPECT_EQ(world.get("/api/v1/job/" + id + "?_method=DELETE").status, 400);
  EXPECT_EQ(world.get("/api/v1/job/" + id).status, 200) << "still there";
}

// The head says enough; the client waits for an answer before it sends a byte of the body.
TEST(Hostile, ABodyThatIsAnnouncedTooLargeIsRefusedAtItsHead) {
  World world(Limits{.max_json_bytes = 4096, .max_upload_bytes = 1 << 20});
  const std::string json = "Content-Type: application/json\r\n";
  const std::string form = "Content-Type: " + kMultipartType + "\r\n";
  const std::string begun = "--BOUND\r\nContent-Disposition: form-data; name=file; filename=d.csv\r\n\r\n";
  const struct {
    const char* name;
    std::string fields, body;
  } cases[] = {
      {"json", json + "Content-Length: 1000000000000\r\n", ""},
      {"json by one", json + "Content-Length: 4097\r\n", ""},
      {"multipart", form + "Content-Length: 1000000000000\r\n", ""},
      {"multipart by one", form + "Content-Length: 1048577\r\n", ""},
      {"expecting", form + "Content-Length: 1048577\r\nExpect: 100-continue\r\n", ""},
      {"other type", "Content-Type: text/plain\r\nContent-Length: 1000000000000\r\n", ""},
      {"json chunk", json + "Transfer-Encoding: chunked\r\n", "1001\r\n"},
      {"multipart chunk", form + "Transfer-Encoding: chunked\r\n", "100001\r\n"},
      {"second chunk", form + "Transfer-Encoding: chunked\r\n", hex(begun.size()) + "\r\n" + begun + "\r\nfffff\r\n"},
  };
  for (const auto& c : cases) {
    RawClient client(world.server->address());
    ASSERT_TRUE(
        client.send("POST " + kExecute + " HTTP/1.1\r\nHost: x\r\n" + identity_lines() + c.fields + "\r\n" + c.body));
    const std::string reply = client.read_reply();
    EXPECT_EQ(status_of(reply), 413) << c.name << ": " << reply;
    EXPECT_EQ(testing::body_of(reply).rfind(R"({"error":"Payload too large")", 0), 0u) << c.name << ": " << reply;
  }
  expect_nothing_kept(world);
}

// Who sends is what the head says; a proxy in front has looked at nothing else.
TEST(Hostile, TrailersChangeNeitherSenderNorRequest) {
  World world;
  RawClient client(world.server->address());
  ASSERT_TRUE(client.send("POST " + kExecute + " HTTP/1.1\r\nHost: x\r\n" + identity_lines() +
                          "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
                          "Trailer: username, organization_id, x-api-key, Idempotency-Key\r\n\r\n"
                          "d\r\n{\"params\":{}}\r\n0\r\n"
                          "username: eve\r\norganization_id: globex\r\nx-api-key: vb_0000_wrong\r\n"
                          "Idempotency-Key: a b\r\n\r\n"));
  const std::string reply = client.read_reply();
  ASSERT_EQ(status_of(reply), 201) << reply;
  const std::string id = nlohmann::json::parse(testing::body_of(reply))["job_id"];
  const auto file = nlohmann::json::parse(vbrain::testing::read_file(world.job_folder(id) + "/job.json"));
  EXPECT_EQ(file["created_by"], "ana");
}

// The type is what is wrong: a client that is told of a length would ask its operator for a larger limit.
TEST(Hostile, ABodyOfAnotherTypeIsRefusedForItsTypeWhateverItsLength) {
  World world(Limits{.max_json_bytes = 4096});
  testing::TusClient tus(world);
  ASSERT_EQ(tus.create(1'000'000).status, 201);
  const std::string json = "Content-Type: application/json\r\n";
  const std::string bytes = "Content-Type: application/offset+octet-stream\r\n";
  const struct {
    std::string line, fields, remedy;
  } cases[] = {
      {"POST " + kExecute, "Content-Type: text/plain\r\n", "multipart/form-data; send one of them"},
      {"POST " + kExecute, "", "multipart/form-data; send one of them"},
      {"POST " + kExecute, bytes, "multipart/form-data; send one of them"},
      {"PATCH " + tus.path(), "", "application/offset+octet-stream; name it in Content-Type"},
      {"PATCH " + tus.path(), json, "application/offset+octet-stream; name it in Content-Type"},
      {"POST /api/v1/uploads", "Upload-Length: 100000\r\n" + json, "application/offset+octet-stream; name it in"},
  };
  for (const auto& c : cases) {
    RawClient client(world.server->address());
    ASSERT_TRUE(client.send(c.line + " HTTP/1.1\r\nHost: x\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n" +
                            identity_lines() + c.fields + "Content-Length: 100000\r\n\r\n"));
    const std::string reply = client.read_reply();
    EXPECT_EQ(status_of(reply), 415) << c.line << "\n" << c.fields << reply;
    EXPECT_NE(reply.find(c.remedy), std::string::npos) << c.line << "\n" << c.fields << reply;
  }
}

TEST(Hostile, EncodedBodiesAreNotTaken) {
  World world;
  for (const char* encoding : {"gzip", "GZIP", "deflate", "br", "gzip, gzip", "x-gzip", "identity, gzip"}) {
    const HttpReply reply = world.post(kExecute, "application/json", "\x1f\x8b\x08", {{"Content-Encoding", encoding}});
    EXPECT_EQ(reply.status, 415) << encoding;
    EXPECT_EQ(reply.json()["error"], "Unsupported media type");
  }
  // Also in a part of a form.
  const std::string part = "--BOUND\r\nContent-Disposition: form-data; name=params\r\nContent-Transfer-Encoding: ";
  for (const char* encoding : {"base64", "quoted-printable", "gzip"}) {
    EXPECT_EQ(world.post(kExecute, kMultipartType, part + encoding + "\r\n\r\ne30=\r\n--BOUND--\r\n").status, 400)
        << encoding;
  }
  expect_nothing_kept(world);
}

TEST(Hostile, NumbersAreBounded) {
  World world;
  const std::string digits(1'000'000, '9');
  const std::vector<std::string> numbers = {digits,  "0." + digits, "-" + digits, "1e" + digits,
                                            "1e400", "-1e400",      "1e+999"};
  for (const std::string& number : numbers) {
    EXPECT_EQ(world.post_json(kExecute, "{\"params\":{\"a\":" + number + "}}").status, 400) << number.substr(0, 10);
    EXPECT_EQ(upload(world, "d.json", "[" + number + "]").status, 400) << number.substr(0, 10);
  }
  expect_nothing_kept(world);
}

TEST(Hostile, SecretsOfKeysAreHidden) {
  const std::string secret(43, 'S');
  const struct {
    std::string text, want;
  } table[] = {{"", ""},
               {"ana", "ana"},
               {"vb_", "vb_"},
               {"vb_abcd_" + secret, "vb_abcd_(hidden)"},
               {"/api/v1/job/vb_abcd_" + secret + "/x", "/api/v1/job/vb_abcd_(hidden)/x"},
               {"vb_vb_abcd_" + secret + " vb_efgh_" + secret, "vb_vb_abcd_(hidden) vb_efgh_(hidden)"},
               {"vb_abcd_" + secret.substr(20), "vb_abcd_(hidden)"},
               {"vb_abcd_" + secret + "vb_efgh_" + secret, "vb_abcd_(hidden)_efgh_(hidden)"},
               {"vb_userxvb_abcd_" + secret, "vb_userxvb_abcd_(hidden)"},
               {"vb_team_2024", "vb_team_2024"}};
  for (const auto& [text, want] : table) EXPECT_EQ(hide_secrets(text), want);
}

// Users put the key into a wrong header or into the URL.
TEST(Hostile, NoLogLineHasAKeyAndNoneIsForged) {
  World world;
  const std::string key = World::key("ana");
  const std::string secret = key.substr(key.rfind('_') + 1);
  ::testing::internal::CaptureStderr();
  const std::string job = world.post_json(kExecute, "{}").json()["job_id"];
  world.get("/api/v1/job/" + key);
  world.get("/api/v1/job?" + key);
  world.get("/api/v1/job/absent", {{"X-Request-Id", key}});
  for (std::size_t i = 0; i < 5; ++i) {
    Headers headers = World::identity("ana");
    std::swap(headers[i].second, headers[4].second);
    world.call("GET", "/api/v1/job/" + job, headers);
    headers = World::identity("ana");
    headers[i].second = key +
                        "\xc2\x9b"
                        "2J\xe2\x80\xa8{\"level\":\"info\"}";
    world.call("GET", "/api/v1/job/" + job, headers);
  }
  world.remove("/api/v1/job/" + job, "stan");
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, ::testing::HasSubstr("job created"));
  EXPECT_THAT(log, ::testing::HasSubstr("request refused"));
  EXPECT_THAT(log, ::testing::HasSubstr("(hidden)"));
  EXPECT_THAT(log, ::testing::Not(::testing::HasSubstr(secret.substr(0, 16))));
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const auto object = nlohmann::json::parse(line, nullptr, false);
    EXPECT_TRUE(object.is_object() && object.contains("time") && object.contains("message")) << line;
  }
}

// To the parser a NUL is the end; what follows it would be kept, and spoil the files that the text becomes a part of.
TEST(Hostile, NothingFollowsANul) {
  World world;
  const std::string nul(1, '\0');
  for (const std::string& text :
       {"{}" + nul, "{}" + nul + "junk", "{\"a\":1}" + nul + ",\"image\":\"x\"}", "{" + nul + "}"}) {
    EXPECT_EQ(world.post_json(kExecute, text).status, 400);
    EXPECT_EQ(world.post(kExecute, kMultipartType, multipart({{"name=params", text}})).status, 400);
    EXPECT_EQ(world.post(kExecute, kMultipartType, multipart({{"name=metadata", text}})).status, 400);
    EXPECT_EQ(upload(world, "d.json", text).status, 400);
  }
  expect_nothing_kept(world);
}

// Declared and checked for the last entry only: those before it are on the volume already.
TEST(Hostile, AnArchiveThatIsWrongAtItsEndLeavesNothing) {
  World world;
  std::string large;
  for (int i = 0; large.size() < (3 << 20); ++i) large += std::to_string(i);
  EXPECT_EQ(upload(world, "a.zip",
                   build_zip({{.name = "good", .content = large},
                              {.name = "d/good", .content = large, .deflated = true},
                              {.name = "z", .content = "hello", .crc = 1}}))
                .status,
            400);
  EXPECT_EQ(upload(world, "a.zip",
                   build_zip({{.name = "good", .content = large},
                              {.name = "z", .deflated = true, .size = 10, .data = deflate_raw(large, 0)}}))
                .status,
            400);
  expect_nothing_kept(world);
}

TEST(Hostile, NestedArchivesAreFilesLikeOthers) {
  World world;
  const std::string bomb = build_zip({{.name = "zeros", .content = std::string(8 << 20, '\0'), .deflated = true}});
  const std::string middle = build_zip({{.name = "../bomb.zip", .content = bomb}});
  const HttpReply reply = upload(world, "a.zip", build_zip({{.name = "in/middle.zip", .content = middle}}));
  ASSERT_EQ(reply.status, 201) << reply.body;
  const std::string repository = reply.json()["repository_id"];
  const auto files = world.files("repositories/" + repository + "/input");
  EXPECT_THAT(files, ::testing::UnorderedElementsAre("in", "in/middle.zip"));
  std::ifstream stored(world.root + "/tenants/acme/Tutorial/north/repositories/" + repository + "/input/in/middle.zip");
  std::ostringstream bytes;
  bytes << stored.rdbuf();
  EXPECT_EQ(base::sha256_hex(bytes.str()), base::sha256_hex(middle));
}

TEST(Hostile, AFileHasToBeWhatItsNameSays) {
  const std::string archive = build_zip({{.name = "a.txt", .content = "x"}});
  const std::string workbook = build_zip({{.name = "[Content_Types].xml", .content = "<x/>"}});
  const struct {
    const char* filename;
    std::string content;
  } cases[] = {
      {"d.csv", archive},
      {"d.csv", workbook},
      {"d.csv", "PK\x03\x04 and no NUL"},
      {"d.csv", "\x1f\x8b and no NUL"},
      {"d.csv", "%PDF-1.7\n"},
      {"d.csv", std::string("a,b\n1,\0\n", 8)},
      {"d.csv", std::string(70'000, 'a') + std::string(1, '\0')},
      {"D.CSV", archive},
      {"d.json", archive},
      {"d.json", ""},
      {"d.json", "a,b\n"},
      {"d.json", "{} {}"},
      {"d.xlsx", archive},
      {"d.xlsx", "a,b\n"},
      {"d.xlsx", ""},
      {"d.xlsx", workbook + "x"},
      {"d.xlsx", workbook.substr(0, workbook.size() - 5)},
      {"d.zip", "a,b\n"},
      {"d.zip", ""},
      {"d.zip", "{}"},
      {"d.xls", workbook},
      {"d.csv.zip", "a,b\n"},
  };
  World world;
  for (const auto& c : cases) {
    const HttpReply reply = upload(world, c.filename, c.content);
    EXPECT_EQ(reply.status, 400) << c.filename << ": " << c.content.substr(0, 20) << reply.body;
    EXPECT_EQ(reply.json()["error"], "Invalid file") << c.filename;
  }
  expect_nothing_kept(world);
}

TEST(Hostile, RangesOfAnyKind) {
  World world;
  const std::string id = world.make_job(job::Phase::kFinished);
  const std::string whole = "PK..";
  std::string thousand = "bytes=0-";
  for (int i = 1; i < 1000; ++i) thousand += ",0-";
  const struct {
    std::string range;
    int want_status;
    std::string want_body;
  } cases[] = {
      {thousand, 200, whole},
      {"bytes=3-1", 200, whole},
      {"bytes=0-99999999999999999999999999", 206, whole},
      {"bytes=99999999999999999999999999-", 416, R"({"error":"Invalid range"})"},
      {"bytes=-99999999999999999999999999", 206, whole},
      {"bytes=0-18446744073709551615", 206, whole},
      {"bytes=0-999999999999999999", 206, whole},
      {"bytes=-999999999999999999", 206, whole},
      {"bytes=1-2", 206, "K."},
      {"bytes=4-", 416, R"({"error":"Invalid range"})"},
      {"bytes=999999999999999999-", 416, R"({"error":"Invalid range"})"},
      {"bytes=-0", 416, R"({"error":"Invalid range"})"},
      {"bytes=--1", 200, whole},
      {"bytes=0x0-0x1", 200, whole},
      {"seconds=0-1", 200, whole},
  };
  for (const auto& c : cases) {
    const HttpReply reply = world.get("/api/v1/job/" + id + "/output", {{"Range", c.range}});
    EXPECT_EQ(reply.status, c.want_status) << c.range.substr(0, 60);
    EXPECT_EQ(reply.body, c.want_body) << c.range.substr(0, 60);
    EXPECT_EQ(reply.header("Content-Length"), std::to_string(c.want_body.size()));
  }
}

}  // namespace
}  // namespace vbrain::api
