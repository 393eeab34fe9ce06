// What may be sent as the body of POST /repository and POST /job/execute.
#include "api-server/transfer/submission.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "unit/api-server/world.hpp"
#include "unit/artifacts/zip_builder.hpp"

namespace vbrain::api {
namespace {

using testing::HttpReply;
using ::testing::IsEmpty;
using testing::kMultipartType;
using testing::multipart;
using testing::World;

std::string nested(int depth) {
  return "{\"params\":" + std::string(static_cast<std::size_t>(depth), '[');
}

TEST(Submission, RefusesJsonThatIsHostile) {
  std::string many_keys = "{\"params\":{";
  for (int i = 0; i < 120'000; ++i) many_keys += "\"" + std::to_string(i) + "\":1,";
  many_keys += "\"z\":1}}";
  const struct {
    const char* name;
    std::string body;
    int want_status;
  } cases[] = {
      {"[16] deep", nested(100'000), 400},
      {"[16] duplicate", R"({"params":{"a":1,"a":2}})", 400},
      {"[16] duplicate field", R"({"params":{},"params":{}})", 400},
      {"[16] 1e400", R"({"params":{"a":1e400}})", 400},
      {"[16] NaN", R"({"params":{"a":NaN}})", 400},
      {"[16] lone surrogate", R"({"params":{"a":"\ud800"}})", 400},
      {"[16] trailing junk", R"({"params":{}} x)", 400},
      {"[16] NUL in a key", R"({"params":{"a\u0000b":1}})", 400},
      {"[16] invalid UTF-8", "{\"params\":{\"a\":\"\xff\"}}", 400},
      {"[16] many keys", many_keys, 413},
      {"not an object", "[]", 400},
      {"params null", R"({"params":null})", 400},
      {"params list", R"({"params":[1]})", 400},
      {"metadata text", R"({"metadata":"x"})", 400},
      {"[6] unknown field", R"({"hostPath":"/"})", 400},
      {"[6] unknown field", R"({"params":{},"serviceAccountName":"x"})", 400},
      {"empty object in blanks", " {} ", 201},
      {"byte order mark", "\xef\xbb\xbf{\"params\":{\"a\":1}}", 201},
      {"two of them", "\xef\xbb\xbf\xef\xbb\xbf{\"params\":{\"a\":1}}", 400},
  };
  World world;
  for (const auto& c : cases) {
    const HttpReply reply = world.post_json("/api/v1/job/execute", c.body);
    EXPECT_EQ(reply.status, c.want_status) << c.name << reply.body.substr(0, 200);
    EXPECT_TRUE(reply.json().is_object()) << c.name;
  }
}

TEST(Submission, JsonOfAllRequestsTogetherIsBounded) {
  World world(Limits{.max_json_memory = 64 * 1024});
  const auto body = [](const std::string& field, std::size_t size) {
    return "{\"" + field + "\":{\"a\":\"" + std::string(size, 'x') + "\"}}";
  };
  for (int turn = 0; turn < 3; ++turn) {
    const HttpReply reply = world.post_json("/api/v1/repository", body("params", 70'000));
    EXPECT_EQ(reply.status, 503) << reply.body;
    EXPECT_EQ(reply.header("Retry-After"), "1");
    const std::string object = "{\"a\":\"" + std::string(40'000, 'x') + "\"}";
    const HttpReply two = world.post("/api/v1/repository", kMultipartType,
                                     multipart({{"name=\"params\"", object}, {"name=\"metadata\"", object}}));
    EXPECT_EQ(two.status, 503) << two.body;
    // All of the budget is free again.
    EXPECT_EQ(world.post_json("/api/v1/repository", body("params", 60'000)).status, 201);
  }
  EXPECT_THAT(world.files("jobs"), IsEmpty());

  std::string head = "POST /api/v1/repository HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
  for (const auto& [name, value] : World::identity("ana")) head += name + ": " + value + "\r\n";
  testing::RawClient slow(world.server->address());
  slow.send(head + "Content-Length: 70000\r\n\r\n" + std::string(50'000, ' '));
  const auto answer_to = [&](std::size_t size, int unwanted) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (;;) {
      const int status = world.post_json("/api/v1/repository", body("metadata", size)).status;
      if (status != unwanted || std::chrono::steady_clock::now() > end) return status;
    }
  };
  EXPECT_EQ(answer_to(30'000, 201), 503) << "while another holds most of it";
  EXPECT_EQ(answer_to(10'000, 503), 201) << "small bodies do not ask";
  slow.close();
  EXPECT_EQ(answer_to(30'000, 503), 201);
}

TEST(Submission, AnswersCountToo) {
  World world(Limits{.max_json_memory = 64 * 1024});
  const std::string body = "{\"params\":{\"a\":\"" + std::string(40'000, 'x') + "\"}}";
  const std::string job = world.post_json("/api/v1/job/execute", body).json()["job_id"];
  auto held = std::make_optional<TenantBudget::Share>(*world.json_budget, World::tenant());
  held->cover(30'000);
  EXPECT_EQ(world.get("/api/v1/job/" + job + "/params").status, 503);
  held.reset();
  for (int turn = 0; turn < 5; ++turn) EXPECT_EQ(world.get("/api/v1/job/" + job + "/params").status, 200);
}

TEST(Submission, KeepsParamsByteForByte) {
  World world;
  const std::string params =
      R"({"a":"$(rm -rf /) {{ .Values }}\n- yaml: [\"","n":1.10,"e":1E2,"big":12345678901234567890123})";
  const HttpReply made = world.post_json("/api/v1/job/execute", "{\"params\":" + params + "}");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(world.get("/api/v1/job/" + made.json()["job_id"].get<std::string>() + "/params").body, params);
}

// Some editors write one byte order mark. A second one would make job.json unreadable.
TEST(Submission, AFieldMayBeginWithOneByteOrderMark) {
  World world;
  const std::string mark = "\xef\xbb\xbf";
  const HttpReply made =
      world.post("/api/v1/job/execute", kMultipartType,
                 multipart({{"name=params", mark + "{\"a\":1}"}, {"name=metadata", mark + "{\"name\":\"x\"}"}}));
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string job = "/api/v1/job/" + made.json()["job_id"].get<std::string>();
  EXPECT_EQ(world.get(job + "/params").body, "{\"a\":1}");
  EXPECT_EQ(world.get(job).json()["name"], "x");
  for (const std::string field : {"params", "metadata"}) {
    const HttpReply reply =
        world.post("/api/v1/repository", kMultipartType, multipart({{"name=" + field, mark + mark + "{}"}}));
    EXPECT_EQ(reply.status, 400) << field;
    EXPECT_EQ(reply.json()["error"], "Invalid " + field);
  }
  const auto listed = world.get("/api/v1/repository").json();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(world.get("/api/v1/repository/" + listed[0].get<std::string>()).status, 200);
}

TEST(Submission, RefusesFormsThatAreHostileAndKeepsNothing) {
  const std::string csv = "name=file; filename=d.csv";
  const struct {
    const char* name;
    std::string type, body;
    int want_status;
    const char* want_error;
  } cases[] = {
      {"[17] no boundary", "multipart/form-data", "x", 400, "Invalid content-type"},
      {"[17] empty boundary", "multipart/form-data; boundary=\"\"", "x", 400, "Invalid content-type"},
      {"[17] long boundary", "multipart/form-data; boundary=" + std::string(71, 'x'), "x", 400, "Invalid content-type"},
      {"[17] repeated boundary", "multipart/form-data; boundary=a; boundary=a", "x", 415, "Unsupported media type"},
      {"[17] no final boundary", kMultipartType, "--BOUND\r\nContent-Disposition: form-data; " + csv + "\r\n\r\nabc",
       400, "Invalid body"},
      {"[17] many parts", kMultipartType,
       [] {
         std::vector<std::pair<std::string, std::string>> parts;
         for (int i = 0; i < 10'000; ++i) parts.emplace_back("name=params", "{}");
         return multipart(parts);
       }(),
       400, "Invalid params"},
      {"[17] large part head", kMultipartType, multipart({{"name=file; x=" + std::string(1 << 20, 'x'), "x"}}), 400,
       "Invalid body"},
      {"[17] two files", kMultipartType, multipart({{csv, "a"}, {csv, "b"}}), 400, "Invalid file"},
      {"[17] unknown part", kMultipartType, multipart({{"name=image", "x"}}), 400, "Invalid image"},
      {"[17] odd part", kMultipartType, multipart({{"name=\"<b>\"", "x"}}), 400, "Invalid field"},
      {"[17] unknown after the file", kMultipartType, multipart({{csv, "a"}, {"name=status", "x"}}), 400,
       "Invalid status"},
      {"large field", kMultipartType, multipart({{"name=params", "\"" + std::string(2 << 20, 'x') + "\""}}), 413,
       "Payload too large"},
      {"params no JSON", kMultipartType, multipart({{csv, "a"}, {"name=params", "a=1"}}), 400, "Invalid params"},
      {"metadata list", kMultipartType, multipart({{"name=metadata", "[]"}}), 400, "Invalid metadata"},
      {"no filename", kMultipartType, multipart({{"name=file", "x"}}), 400, "Invalid file"},
      {"[18] NUL", kMultipartType, multipart({{std::string("name=file; filename=\"a\0.zip\"", 28), "x"}}), 400,
       "Invalid body"},
      {"[18] CRLF", kMultipartType, multipart({{"name=file; filename=\"a\r\nX: .csv\"", "x"}}), 400, "Invalid body"},
      {"[18] 300 bytes", kMultipartType, multipart({{"name=file; filename=" + std::string(296, 'a') + ".csv", "x"}}),
       400, "Invalid file"},
      {"[18] encoded line end", kMultipartType, multipart({{"name=file; filename*=UTF-8''a%0D%0A.csv", "x"}}), 400,
       "Invalid file"},
      {"[18] only a folder", kMultipartType, multipart({{"name=file; filename=\"../..\"", "x"}}), 400, "Invalid file"},
      {"[18] nothing left", kMultipartType, multipart({{"name=file; filename=\"/home/ana/\"", "x"}}), 400,
       "Invalid file"},
      {"[18] encoded control", kMultipartType, multipart({{"name=file; filename*=UTF-8''a%00.csv", "x"}}), 400,
       "Invalid file"},
      {"extension", kMultipartType, multipart({{"name=file; filename=x.exe", "x"}}), 400, "Invalid file"},
      {"extension only", kMultipartType, multipart({{"name=file; filename=.csv", "x"}}), 400, "Invalid file"},
      {"[19] traversal", kMultipartType,
       multipart({{"name=file; filename=a.zip", testing::zip_of({{"ok.txt", "x"}, {"../evil.txt", "x"}})}}), 400,
       "Invalid file"},
      {"[23] zip that is none", kMultipartType, multipart({{"name=file; filename=a.zip", "x"}}), 400, "Invalid file"},
      {"[23] xlsx that is no zip", kMultipartType, multipart({{"name=file; filename=a.xlsx", "x"}}), 400,
       "Invalid file"},
      {"[23] csv with NUL", kMultipartType, multipart({{csv, std::string("a\0b", 3)}}), 400, "Invalid file"},
      {"[23] json that is none", kMultipartType, multipart({{"name=file; filename=a.json", "{"}}), 400, "Invalid file"},
      {"media type", "application/x-www-form-urlencoded", "params=%7B%7D", 415, "Unsupported media type"},
      {"no media type", "", "{}", 415, "Unsupported media type"},
  };
  World world;
  for (const auto& c : cases) {
    const HttpReply reply = world.post("/api/v1/job/execute", c.type, c.body);
    EXPECT_EQ(reply.status, c.want_status) << c.name << ": " << reply.body;
    EXPECT_EQ(reply.json()["error"], c.want_error) << c.name << ": " << reply.body;
  }
  EXPECT_TRUE(world.server->drain(std::chrono::seconds(10)));
  world.finish_volume_work();
  EXPECT_THAT(world.files("jobs"), IsEmpty());
  EXPECT_THAT(world.files("repositories"), IsEmpty());
  EXPECT_THAT(world.files(".staging"), IsEmpty());
  EXPECT_THAT(world.kube.requests(), IsEmpty());
}

// A form that a user sends without filling it in.
TEST(Submission, EmptyFieldsAreAbsent) {
  World world;
  const std::string csv = "name=file; filename=d.csv";
  const std::vector<std::pair<std::string, std::string>> cases[] = {
      {{"name=file; filename=\"\"", ""}},
      {{"name=file; filename=", ""}},
      {{"name=file", ""}},
      {{"name=file; filename=\"\"", ""}, {"name=params", ""}, {"name=metadata", " \r\n"}},
      {{"name=params; filename=\"\"", ""}},
      {},
  };
  for (const auto& fields : cases) {
    const HttpReply reply = world.post("/api/v1/repository", kMultipartType, multipart(fields));
    ASSERT_EQ(reply.status, 201) << reply.body;
    const auto stored = world.get("/api/v1/repository/" + reply.json()["repository_id"].get<std::string>()).json();
    EXPECT_EQ(stored["input"], nlohmann::json::array());
    EXPECT_EQ(stored["params"], false);
  }
  // A form with several file fields, of which one is filled.
  const HttpReply one = world.post("/api/v1/repository", kMultipartType,
                                   multipart({{"name=file; filename=\"\"", ""}, {csv, "1"}, {"name=file", ""}}));
  EXPECT_EQ(one.status, 201) << one.body;
  const HttpReply unnamed = world.post("/api/v1/repository", kMultipartType, multipart({{"name=file", "1,2"}}));
  EXPECT_EQ(unnamed.status, 400);
  EXPECT_THAT(unnamed.body, ::testing::HasSubstr("no filename"));
  // An empty file is a file.
  const HttpReply empty = world.post("/api/v1/repository", kMultipartType, multipart({{csv, ""}}));
  ASSERT_EQ(empty.status, 201) << empty.body;
  EXPECT_EQ(world.get("/api/v1/repository/" + empty.json()["repository_id"].get<std::string>()).json()["input"],
            nlohmann::json::array({"d.csv"}));
}

TEST(Submission, LimitsHoldForBothTransferCodings) {
  Limits limits;
  limits.max_upload_bytes = 1 << 20;
  limits.max_json_bytes = 4096;
  limits.max_archive_entries = 2;
  limits.max_inflated_bytes = 100'000;
  World world(limits);
  const std::string large = multipart({{"name=file; filename=d.csv", std::string(2 << 20, 'x')}});
  EXPECT_EQ(world.post("/api/v1/repository", kMultipartType, large).status, 413);
  EXPECT_EQ(world.post_json("/api/v1/repository", "{\"params\":{\"a\":\"" + std::string(5000, 'x') + "\"}}").status,
            413);

  std::string chunked =
      "POST /api/v1/repository HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Type: " + kMultipartType +
      "\r\n";
  for (const auto& [name, value] : World::identity("ana")) chunked += name + ": " + value + "\r\n";
  chunked += "\r\n";
  for (std::size_t at = 0; at < large.size(); at += 0x8000) {
    const std::string piece = large.substr(at, 0x8000);
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    chunked += size + piece + "\r\n";
  }
  testing::RawClient client(world.server->address());
  client.send(chunked + "0\r\n\r\n");
  EXPECT_EQ(testing::status_of(client.read_reply()), 413);

  const auto three = testing::zip_of({{"a", "x"}, {"b", "x"}, {"c", "x"}});
  EXPECT_EQ(world.post("/api/v1/repository", kMultipartType, multipart({{"name=file; filename=a.zip", three}})).status,
            413);
  const auto inflated = testing::zip_of({{"a", std::string(200'000, 'x')}});
  EXPECT_EQ(
      world.post("/api/v1/repository", kMultipartType, multipart({{"name=file; filename=a.zip", inflated}})).status,
      413);
  EXPECT_TRUE(world.server->drain(std::chrono::seconds(10)));
  world.finish_volume_work();
  EXPECT_THAT(world.files("repositories"), IsEmpty());
  EXPECT_THAT(world.files(".staging"), IsEmpty());
}

TEST(Submission, ALimitSaysItsValueAndItsSetting) {
  World world(Limits{.max_json_bytes = 2048,
                     .max_upload_bytes = 100'000,
                     .max_archive_entries = 2,
                     .max_inflated_bytes = 5000,
                     .max_inflate_ratio = 100});
  const auto zip = [](const std::vector<std::pair<std::string, std::string>>& files) {
    return multipart({{"name=file; filename=a.zip", testing::zip_of(files)}});
  };
  const struct {
    std::string type, body;
    const char* want;
  } cases[] = {
      {"application/json", "{\"params\":{\"a\":\"" + std::string(3000, 'x') + "\"}}",
       "a JSON body has at most 2048 bytes; the operator's setting is max-json-bytes"},
      {kMultipartType, multipart({{"name=params", "{\"a\":\"" + std::string(3000, 'x') + "\"}"}}),
       "params and metadata have at most 2048 bytes each; the operator's setting is max-json-bytes"},
      {kMultipartType, multipart({{"name=file; filename=a.csv", std::string(200'000, 'x')}}),
       "a multipart body has at most 100000 bytes; the operator's setting is max-upload-bytes"},
      {kMultipartType, zip({{"a", ""}, {"b", ""}, {"c", ""}}),
       "more than 2 entries; the operator's setting is max-archive-entries"},
      {kMultipartType, zip({{"a/b/c/d/e/f", ""}}),
       "more than 4 files and folders; the operator's setting is max-archive-entries"},
      {kMultipartType, zip({{"a", std::string(6000, 'x')}}),
       "entry 1 (a): it is larger than 5000 bytes when it is unpacked; the operator's setting is max-inflated-bytes"},
      {kMultipartType, zip({{"a", std::string(4000, 'x')}, {"b", std::string(2000, 'x')}}),
       "up to here the files have more than 5000 bytes when they are unpacked; the operator's setting is "
       "max-inflated-bytes"},
  };
  for (const auto& c : cases) {
    const HttpReply reply = world.post("/api/v1/repository", c.type, c.body);
    EXPECT_EQ(reply.status, 413) << c.want;
    EXPECT_THAT(reply.json().value("detail", ""), ::testing::HasSubstr(c.want));
  }
  // A body without a length.
  std::string head = "POST /api/v1/repository HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
  for (const auto& [name, value] : World::identity("ana")) head += name + ": " + value + "\r\n";
  testing::RawClient client(world.server->address());
  client.send(head + "Transfer-Encoding: chunked\r\n\r\n1000\r\n" + std::string(4096, ' ') + "\r\n0\r\n\r\n");
  EXPECT_THAT(client.read_reply(), ::testing::HasSubstr(cases[0].want));
  World strict(Limits{.max_inflate_ratio = 200});
  EXPECT_THAT(strict.post("/api/v1/repository", kMultipartType, zip({{"a", std::string(20 << 20, '\0')}})).body,
              ::testing::HasSubstr("it inflates more than 200:1; the operator's setting is max-inflate-ratio"));
}

// Their names have 9 MB.
TEST(Submission, LongNamesOfManyFilesAreTaken) {
  World world;
  std::string folder;
  for (int i = 0; i < 12; ++i) folder += std::string(250, 'n') + "/";
  std::vector<std::pair<std::string, std::string>> files;
  for (int i = 0; i < 3'000; ++i) files.emplace_back(folder + std::to_string(i), "");
  EXPECT_EQ(world
                .post("/api/v1/repository", kMultipartType,
                      multipart({{"name=file; filename=a.zip", testing::zip_of(files)}}))
                .status,
            201);
}

TEST(Submission, HonestRatiosAreTakenUnlessASettingForbids) {
  const std::string body =
      multipart({{"name=file; filename=a.zip", testing::zip_of({{"zeros", std::string(20 << 20, '\0')}})}});
  World world;
  EXPECT_EQ(world.post("/api/v1/repository", kMultipartType, body).status, 201);
  World strict(Limits{.max_inflate_ratio = 200});
  EXPECT_EQ(strict.post("/api/v1/repository", kMultipartType, body).status, 413);
}

TEST(Submission, TheCodePageOfNamesIsASetting) {
  World world(Limits{.archive_code_page = 850});
  const std::string archive = vbrain::testing::build_zip({{.name = "a\x87\xc6o", .flags = 0}});
  const HttpReply made =
      world.post("/api/v1/repository", kMultipartType, multipart({{"name=file; filename=a.zip", archive}}));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_THAT(made.json()["notes"].dump(), ::testing::HasSubstr("code page 850"));
  EXPECT_EQ(world.get("/api/v1/repository/" + made.json()["repository_id"].get<std::string>()).json()["input"],
            nlohmann::json::array({"ação"}));
}

// A refusal says where the file is wrong and what to do.
TEST(Submission, RefusalsOfTextFilesNameThePlace) {
  const struct {
    const char* filename;
    std::string content;
    std::vector<const char*> want;
  } cases[] = {
      {"a.csv", std::string("\xff\xfe\x61\0", 4), {"UTF-16", "byte 0", "UTF-8"}},
      {"a.csv", std::string("\xfe\xff\0\x61", 4), {"UTF-16", "byte 0", "UTF-8"}},
      {"a.csv", std::string("a;b\n1;\0", 7), {"byte 6 (line 2) is NUL"}},
      {"a.csv", "PK\x03\x04", {"archive", ".zip"}},
      {"a.json", std::string("\xff\xfe{\0", 4), {"UTF-16", "UTF-8"}},
      {"a.json", "", {"empty"}},
      {"a.json", "{\"a\":1}\n{\"a\":2}\n", {"byte 8, line 2", "JSON Lines", "one array"}},
      {"a.json", "[1,\n2,\nNaN]", {"line 3"}},
      {"a.json", "{\"a\":\n", {"line 2"}},
  };
  World world;
  for (const auto& c : cases) {
    const HttpReply reply = world.post("/api/v1/repository", kMultipartType,
                                       multipart({{"name=file; filename=" + std::string(c.filename), c.content}}));
    EXPECT_EQ(reply.status, 400) << reply.body;
    EXPECT_EQ(reply.json()["error"], "Invalid file");
    for (const char* want : c.want) EXPECT_THAT(reply.json()["detail"], ::testing::HasSubstr(want));
  }
}

TEST(Submission, ManyLongNamesAreTooLarge) {
  const std::string folders = std::string(250, 'a') + "/" + std::string(250, 'b') + "/" + std::string(250, 'c') + "/";
  std::vector<std::pair<std::string, std::string>> files;
  for (int i = 0; i < 8'400; ++i) files.emplace_back(folders + std::string(243, 'n') + std::to_string(100'000 + i), "");
  World world(Limits{.max_archive_entries = 10'000});
  const HttpReply reply = world.post("/api/v1/repository", kMultipartType,
                                     multipart({{"name=file; filename=a.zip", testing::zip_of(files)}}));
  EXPECT_EQ(reply.status, 413) << reply.body;
  EXPECT_EQ(reply.json()["error"], "Payload too large");
}

// The repository's params and the job's are within their limits, but together they would make job.json unreadable.
TEST(Submission, AJobThatCouldNotBeReadIsRefused) {
  World world;
  const std::string id = world.volume->publish_repository(
      world.volume->stage(World::tenant()), {.metadata = "{\"a\":\"" + std::string((64 << 20) - 10'000, 'm') + "\"}"},
      world.clock.now());
  const HttpReply reply = world.post_json(
      "/api/v1/job/execute", "{\"params\":{\"a\":\"" + std::string(20'000, 'p') + "\"}}", {{"repository_id", id}});
  EXPECT_EQ(reply.status, 413) << reply.body;
  EXPECT_EQ(reply.json()["error"], "Payload too large");
  EXPECT_THAT(world.files("jobs"), IsEmpty());
  EXPECT_THAT(world.kube.requests(), IsEmpty());
}

TEST(FileKind, IsDecidedByTheExtension) {
  EXPECT_EQ(file_kind("a.zip"), FileKind::kZip);
  EXPECT_EQ(file_kind("a.b.CSV"), FileKind::kCsv);
  EXPECT_EQ(file_kind("a.Xlsx"), FileKind::kXlsx);
  EXPECT_EQ(file_kind("a.json"), FileKind::kJson);
  for (const char* name : {"", "zip", ".zip", "a.zip.exe", "a.", "a.xls"})
    EXPECT_EQ(file_kind(name), std::nullopt) << name;
}

}  // namespace
}  // namespace vbrain::api
