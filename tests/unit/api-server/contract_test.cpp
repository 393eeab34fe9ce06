// The REST contract, answer by answer, over a real socket and a real folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text/digest.hpp"
#include "job/names.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using nlohmann::json;
using ::testing::HasSubstr;
using testing::Headers;
using testing::HttpReply;
using ::testing::IsEmpty;
using testing::World;

const std::string kNobody = "2e065d31-b19f-486a-85ab-b69afab282b5";

TEST(Contract, ExecuteWithoutRepositoryMakesOne) {
  World world;
  const HttpReply reply = world.post_json("/api/v1/job/execute", R"({"params":{"a":10},"metadata":{"name":"N"}})");
  ASSERT_EQ(reply.status, 201) << reply.body;
  const json body = reply.json();
  EXPECT_EQ(body["message"], "Job created");
  EXPECT_TRUE(job::is_job_id(body["job_id"].get<std::string>()));
  EXPECT_TRUE(artifacts::is_repository_id(body["repository_id"].get<std::string>()));
  EXPECT_EQ(body.size(), 3u);

  const auto requests = world.kube.requests();
  ASSERT_EQ(requests.size(), 1u);
  const json created = json::parse(requests[0].body);
  EXPECT_EQ(created["metadata"]["name"], body["job_id"]);
  EXPECT_EQ(created["metadata"]["finalizers"], json::array({"vbrain.visagio.com/artifacts"}));
  EXPECT_EQ(created["spec"], json({{"organizationId", "acme"},
                                   {"applicationId", "Tutorial"},
                                   {"clientId", "north"},
                                   {"username", "ana"},
                                   {"repositoryId", body["repository_id"]}}));
}

TEST(Contract, ExecuteInARepositoryOverlaysInputAndParams) {
  World world;
  const HttpReply repository =
      world.post("/api/v1/repository", testing::kMultipartType,
                 testing::multipart(
                     {{"name=file; filename=a.zip", testing::zip_of({{"INPUT/one.csv", "1"}, {"INPUT/two.csv", "2"}})},
                      {"name=params", R"({"a":1,"n":1.10,"big":12345678901234567890123})"},
                      {"name=metadata; filename=m.json", R"({"name":"Test Repository","more_data":42})"}}));
  ASSERT_EQ(repository.status, 201) << repository.body;
  EXPECT_EQ(repository.json()["message"], "Repository created successfully");
  EXPECT_EQ(repository.json().size(), 2u);
  const std::string id = repository.json()["repository_id"];

  const HttpReply plain = world.call("POST", "/api/v1/job/execute", [&] {
    Headers headers = World::identity("ana");
    headers.emplace_back("repository_id", id);
    return headers;
  }());
  ASSERT_EQ(plain.status, 201) << plain.body;
  EXPECT_EQ(plain.json().size(), 2u) << "repository_id is answered only if it is new";

  world.clock.advance(std::chrono::milliseconds(1));
  const HttpReply overlaid = world.post(
      "/api/v1/job/execute", testing::kMultipartType,
      testing::multipart({{"name=file; filename=\"three.csv\"", "3"}, {"name=params", R"({"a":2,"c":"x"})"}}),
      {{"repository-id", id}});
  ASSERT_EQ(overlaid.status, 201) << overlaid.body;
  const std::string job = overlaid.json()["job_id"];
  EXPECT_EQ(world.get("/api/v1/job/" + job + "/params").body,
            R"({"a":2,"n":1.10,"big":12345678901234567890123,"c":"x"})");
  const json info = world.get("/api/v1/job/" + job).json();
  EXPECT_EQ(info["input"], json::array({"one.csv", "two.csv", "three.csv"}));
  EXPECT_EQ(info["jobs"], json::array({plain.json()["job_id"], job}));
  EXPECT_EQ(info["name"], "Test Repository");
  EXPECT_EQ(info["metadata"]["more_data"], 42);
  EXPECT_THAT(world.files("jobs/" + job + "/input"),
              ::testing::UnorderedElementsAre("one.csv", "two.csv", "three.csv"));
}

TEST(Contract, ExecuteTakesEveryKindOfFileAndNone) {
  World world;
  const std::string workbook = testing::zip_of({{"[Content_Types].xml", "<x/>"}, {"xl/workbook.xml", "<x/>"}});
  const struct {
    std::string filename, content;
    json want_input;
  } cases[] = {
      {"d.zip", testing::zip_of({{"a/b.txt", "x"}}), json::array({"a/b.txt"})},
      {"d.csv", "a,b\n1,2\n", json::array({"d.csv"})},
      {"D.XLSX", workbook, json::array({"D.XLSX"})},
      {"d.json", "[1,2]", json::array({"d.json"})},
      {"opera\xc3\xa7\xc3\xb5"
       "es.csv",
       "x",
       json::array({"opera\xc3\xa7\xc3\xb5"
                    "es.csv"})},
  };
  for (const auto& c : cases) {
    const HttpReply reply = world.post("/api/v1/job/execute", testing::kMultipartType,
                                       testing::multipart({{"name=file; filename=\"" + c.filename + "\"", c.content}}));
    ASSERT_EQ(reply.status, 201) << c.filename << reply.body;
    const json info = world.get("/api/v1/job/" + reply.json()["job_id"].get<std::string>()).json();
    EXPECT_EQ(info["input"], c.want_input);
    EXPECT_EQ(info["params"], false);
  }
  EXPECT_EQ(world.call("POST", "/api/v1/job/execute", World::identity("ana")).status, 201);
  EXPECT_EQ(world.post("/api/v1/job/execute", "application/json", "{}").status, 201);
  EXPECT_EQ(world.post("/api/v1/job/execute", testing::kMultipartType, "--BOUND--\r\n").status, 201);
}

TEST(Contract, InfoHasAllKeysAndItsStatusFollowsTheJob) {
  World world;
  const struct {
    Phase phase;
    int want_status;
    const char* want_word;
  } cases[] = {{Phase::kQueued, 202, "queued"},
               {Phase::kStarted, 202, "started"},
               {Phase::kFinished, 200, "finished"},
               {Phase::kFailed, 200, "failed"}};
  for (const auto& c : cases) {
    const std::string id = world.make_job(c.phase);
    const HttpReply reply = world.get("/api/v1/job/" + id);
    EXPECT_EQ(reply.status, c.want_status);
    EXPECT_EQ(reply.header("Retry-After"), c.want_status == 202 ? "1" : "");
    json body = reply.json();
    EXPECT_TRUE(artifacts::is_repository_id(body["repository_id"].get<std::string>()));
    body.erase("repository_id");
    EXPECT_EQ(body, json({{"job_id", id},
                          {"job_status", c.want_word},
                          {"name", "Test"},
                          {"input", json::array()},
                          {"created_on", "2020-09-13_12:26:40"},
                          {"created_by", "ana"},
                          {"params", true},
                          {"jobs", {id}},
                          {"metadata", {{"name", "Test"}}},
                          {"attempts", c.phase == Phase::kQueued ? 0 : 1}}));
  }
}

TEST(Contract, ResultAndOutputFollowTheJob) {
  World world;
  for (const std::string part : {"/result", "/output"}) {
    for (const Phase phase : {Phase::kQueued, Phase::kStarted}) {
      const HttpReply reply = world.get("/api/v1/job/" + world.make_job(phase) + part);
      EXPECT_EQ(reply.status, 202);
      EXPECT_EQ(reply.body, R"({"message":"Job not yet finished"})");
      EXPECT_EQ(reply.header("Retry-After"), "1");
    }
    const HttpReply failed = world.get("/api/v1/job/" + world.make_job(Phase::kFailed) + part);
    EXPECT_EQ(failed.status, 500);
    EXPECT_EQ(failed.body, R"({"error":"Job failed"})");
  }
  const std::string id = world.make_job(Phase::kFinished);
  EXPECT_EQ(world.get("/api/v1/job/" + id + "/result").body, R"({"output":200})");
  const HttpReply output = world.get("/api/v1/job/" + id + "/output");
  EXPECT_EQ(output.status, 200);
  EXPECT_EQ(output.body, "PK..");
  EXPECT_EQ(output.header("Content-Type"), "application/zip");
  EXPECT_EQ(output.header("Content-Length"), "4");
  EXPECT_EQ(output.header("Accept-Ranges"), "bytes");
  EXPECT_EQ(output.header("ETag"), "\"" + base::sha256_hex("PK..") + "\"");
  EXPECT_EQ(output.header("Content-Disposition"), "attachment; filename=\"" + id + "-output.zip\"");
  EXPECT_EQ(world.get("/api/v1/job/" + id + "/output", {{"Range", "bytes=1-2"}}).body, "K.");
  EXPECT_EQ(world.get("/api/v1/job/" + id + "/output", {{"If-None-Match", output.header("ETag")}}).status, 304);
}

TEST(Contract, LargeResultsAndOutputsArriveWhole) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  const std::string text = "\"" + std::string(1'000'000, 'r') + "\"";
  world.write_attempt(id, 1, "result.json", text);
  world.write_attempt(id, 1, "output.zip", text);
  job::JobStatus status = world.jobs.get(id)->status;
  status.artifacts = job::Artifacts{1'000'002, base::sha256_hex(text), 0, 1'000'002};
  world.set_status(id, status);
  EXPECT_TRUE(world.get("/api/v1/job/" + id + "/result").body == "{\"output\":" + text + "}");
  EXPECT_TRUE(world.get("/api/v1/job/" + id + "/output").body == text);
  EXPECT_TRUE(world.get("/api/v1/job/" + id + "/output", {{"Range", "bytes=-100000"}}).body == text.substr(900'002));
}

// A network file system may lag behind the API server, and a pod may damage its own files.
TEST(Contract, AFileThatIsNotWhatTheStatusSaysIs503) {
  World world;
  for (const std::string name : {"result", "output"}) {
    const std::string id = world.make_job(Phase::kFinished);
    const std::string file = name == "result" ? "result.json" : "output.zip";
    world.write_attempt(id, 1, file, "something longer");
    EXPECT_EQ(world.get("/api/v1/job/" + id + "/" + name).status, 503);
    std::remove((world.job_folder(id) + "/attempts/1/" + file).c_str());
    const HttpReply reply = world.get("/api/v1/job/" + id + "/" + name);
    EXPECT_EQ(reply.status, 503);
    EXPECT_NE(reply.header("Retry-After"), "");
    EXPECT_EQ(reply.json()["error"], "Service unavailable");
  }
}

TEST(Contract, AJobWithoutResultAnswersNull) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  job::JobStatus status = world.jobs.get(id)->status;
  status.artifacts = job::Artifacts{};
  world.set_status(id, status);
  EXPECT_EQ(world.get("/api/v1/job/" + id + "/result").body, R"({"output":null})");
  const HttpReply output = world.get("/api/v1/job/" + id + "/output");
  EXPECT_EQ(output.body.size(), 22u) << "an archive without entries";
  EXPECT_EQ(output.header("ETag").size(), 66u);
}

TEST(Contract, LogsAreServedAtAnyMoment) {
  World world;
  for (const Phase phase : {Phase::kQueued, Phase::kStarted, Phase::kFinished, Phase::kFailed}) {
    const std::string id = world.make_job(phase);
    world.write_attempt(id, 1, "logs/stdout.log", "hello");
    const HttpReply reply = world.get("/api/v1/job/" + id + "/logs");
    EXPECT_EQ(reply.status, 200);
    EXPECT_THAT(reply.body, HasSubstr("stdout.log"));
    EXPECT_EQ(reply.header("Content-Type"), "application/zip");
    EXPECT_THAT(world.files(".staging"), IsEmpty());
  }
}

TEST(Contract, HeadAnswersAsGetWithoutTheBody) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  const HttpReply reply = world.call("HEAD", "/api/v1/job/" + id + "/output", World::identity("ana"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Length"), "4");
}

TEST(Contract, UnknownIdsAre404InTheContractsWords) {
  World world;
  const std::string mine = world.make_job(Phase::kQueued);
  const auto repository_of = [&](const std::string& job) { return world.jobs.get(job)->spec.repository_id; };
  std::string foreign = world.make_job(Phase::kFinished, "eve");
  // Repository ids are unique within one tenant only.
  while (repository_of(foreign) == repository_of(mine)) foreign = world.make_job(Phase::kFinished, "eve");
  for (const std::string& id :
       {kNobody, foreign, std::string(".."), std::string("%2e%2e"), std::string("%00"), std::string("%F0%9F%98%80"),
        std::string(6000, 'a'), std::string("2E065D31-B19F-486A-85AB-B69AFAB282B5"), std::string("execute%20")}) {
    for (const std::string part : {"", "/result", "/params", "/output", "/logs"}) {
      const HttpReply reply = world.get("/api/v1/job/" + id + part);
      EXPECT_EQ(reply.status, 404) << id << part;
      EXPECT_EQ(reply.body, R"({"error":"Invalid job_id"})") << id << part;
    }
  }
  for (const std::string id : {"202009231629398695", "..", "x"}) {
    const HttpReply info = world.get("/api/v1/job/" + mine, {{"repository_id", id}});
    EXPECT_EQ(info.status, 404);
    EXPECT_EQ(info.body, R"({"error":"Invalid repository_id"})");
    const HttpReply execute = world.post_json("/api/v1/job/execute", "{}", {{"repository_id", id}});
    EXPECT_EQ(execute.status, 404);
    EXPECT_EQ(execute.body, R"({"error":"Invalid repository_id"})");
  }
  EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}", {{"repository_id", repository_of(foreign)}}).body,
            R"({"error":"Invalid repository_id"})");
  EXPECT_EQ(world.get("/api/v1/job/" + mine, {{"repository_id", world.jobs.get(mine)->spec.repository_id}}).status,
            202);
}

TEST(Contract, DeletedJobsAreAbsentAtOnce) {
  World world;
  const std::string marked = world.make_job(Phase::kFinished);
  world.volume->mark_deleted(World::tenant(), marked);
  const std::string deleting = world.make_job(Phase::kFinished);
  auto resource = std::make_shared<job::Job>(*world.jobs.get(deleting));
  resource->meta.deletion_timestamp = world.clock.now();
  world.jobs.put(deleting, resource);
  for (const std::string& id : {marked, deleting}) {
    EXPECT_EQ(world.get("/api/v1/job/" + id).body, R"({"error":"Invalid job_id"})");
    EXPECT_EQ(world.get("/api/v1/job/" + id + "/result").status, 404);
  }
}

TEST(Contract, AnswersFromTheVolumeWhatTheCacheLacks) {
  World world;
  const std::string fresh = world.make_job(Phase::kQueued);
  world.jobs.erase(fresh);
  EXPECT_EQ(world.get("/api/v1/job/" + fresh).json()["job_status"], "queued");

  const std::string archived = world.make_job(Phase::kFinished);
  world.volume->write_status(
      World::tenant(), archived,
      {{"metadata", {{"name", archived}}}, {"status", encode(world.jobs.get(archived)->status)}});
  world.jobs.erase(archived);
  EXPECT_EQ(world.get("/api/v1/job/" + archived).json()["job_status"], "finished");
  EXPECT_EQ(world.get("/api/v1/job/" + archived + "/result").body, R"({"output":200})");
}

TEST(Contract, JobsMadeWithKubectlAreShownBeforeTheirFolderExists) {
  World world;
  auto resource = std::make_shared<job::Job>();
  resource->meta.name = "by-hand";
  resource->meta.creation_timestamp = world.clock.now();
  resource->spec = {"acme", "Tutorial", "north", "", "ana", 0, false, false, "", R"({"a":1})", R"({"name":"hand"})"};
  world.jobs.put("by-hand", resource);
  const HttpReply reply = world.get("/api/v1/job/by-hand");
  EXPECT_EQ(reply.status, 202);
  EXPECT_EQ(reply.json()["name"], "hand");
  EXPECT_EQ(world.get("/api/v1/job/by-hand/params").body, R"({"a":1})");
  const HttpReply logs = world.get("/api/v1/job/by-hand/logs");
  EXPECT_EQ(logs.status, 200);
  EXPECT_EQ(world.get("/api/v1/job/by-hand/logs", {{"If-None-Match", logs.header("ETag")}}).status, 304);
}

TEST(Contract, MissingHeadersAreNamedInOrder) {
  World world;
  for (const char* path : {"/api/v1/job/2e065d31-b19f-486a-85ab-b69afab282b5", "/api/v1/job/x/result"}) {
    Headers headers = World::identity("ana");
    while (!headers.empty()) {
      const std::string first = headers.front().first;
      Headers without(headers.begin() + 1, headers.end());
      const HttpReply reply = world.call("GET", path, without);
      EXPECT_EQ(reply.status, 400);
      EXPECT_EQ(reply.body, "{\"error\":\"Missing username\"}") << first;
      headers.erase(headers.begin());
    }
    for (std::size_t i = 0; i < 5; ++i) {
      Headers one_less = World::identity("ana");
      const std::string name = one_less[i].first;
      one_less.erase(one_less.begin() + static_cast<std::ptrdiff_t>(i));
      EXPECT_EQ(world.call("GET", path, one_less).body, "{\"error\":\"Missing " + name + "\"}");
    }
  }
}

TEST(Contract, ChecksComeInTheContractsOrder) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  const Headers stranger = {{"username", "ana"},
                            {"organization_id", "acme"},
                            {"application_id", "Tutorial"},
                            {"client_id", "north"},
                            {"x-api-key", "vb_none_" + std::string(43, 'x')}};
  // The route is checked first.
  EXPECT_EQ(world.call("GET", "/api/v1/nothing", {}).status, 404);
  EXPECT_EQ(world.call("DELETE", "/api/v1/job/execute", {}).header("Allow"), "POST");
  EXPECT_EQ(world.call("PUT", "/api/v1/job", {}).header("Allow"), "GET, HEAD");
  EXPECT_EQ(world.call("PUT", "/api/v1/job/x", {}).header("Allow"), "GET, HEAD, DELETE");
  EXPECT_EQ(world.call("PUT", "/api/v1/repository", {}).header("Allow"), "GET, HEAD, POST");
  EXPECT_EQ(world.call("PUT", "/api/v1/repository/x", {}).header("Allow"), "GET, HEAD, DELETE");
  EXPECT_EQ(world.call("DELETE", "/api/v1/repository/x/input", {}).header("Allow"), "GET, HEAD");
  // Limits are checked before the identity.
  EXPECT_EQ(world.call("POST", "/api/v1/job/execute", {{"Content-Encoding", "gzip"}}, "x").status, 415);
  EXPECT_EQ(world.call("POST", "/api/v1/job/execute", {{"Content-Length", "99999999999"}}).status, 413);
  // Identity before key, key before role, role before object.
  EXPECT_EQ(world.call("GET", "/api/v1/job/" + id, {{"x-api-key", "bad"}}).status, 400);
  EXPECT_EQ(world.call("GET", "/api/v1/job/" + kNobody, stranger).body, R"({"error":"Invalid x-api-key"})");
  const HttpReply forbidden = world.call("GET", "/api/v1/job/" + kNobody, World::identity("stan"));
  EXPECT_EQ(forbidden.status, 403);
  EXPECT_EQ(forbidden.body, R"({"error":"Permission denied"})");
  // Role before query, query before object.
  Headers nowhere = World::identity("stan");
  nowhere.emplace_back("repository_id", "202009231629398695");
  EXPECT_EQ(world.call("GET", "/api/v1/job?from_date=x", nowhere).status, 403);
  EXPECT_EQ(world.get("/api/v1/job?from_date=x", {{"repository_id", "202009231629398695"}}).status, 400);
  // Object before body.
  EXPECT_EQ(world.post_json("/api/v1/job/execute", "not json", {{"repository_id", "202009231629398695"}}).status, 404);
}

// Deleting is in delete_test.cpp and delete_repository_test.cpp.
TEST(Contract, RolesDecide) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  const std::string repository = world.get("/api/v1/job/" + id).json()["repository_id"];
  const struct {
    const char* username;
    int create_repository, execute, execute_alone, read_job, read_repository;
  } table[] = {{"ana", 201, 201, 201, 200, 200}, {"dora", 201, 201, 201, 200, 200}, {"stan", 403, 201, 403, 403, 200}};
  for (const auto& row : table) {
    const Headers headers = World::identity(row.username);
    Headers within = headers;
    within.emplace_back("repository_id", repository);
    EXPECT_EQ(world.call("POST", "/api/v1/repository", headers).status, row.create_repository) << row.username;
    EXPECT_EQ(world.call("POST", "/api/v1/job/execute", within).status, row.execute) << row.username;
    EXPECT_EQ(world.call("POST", "/api/v1/job/execute", headers).status, row.execute_alone)
        << row.username << ": it would create a repository";
    EXPECT_EQ(world.call("GET", "/api/v1/job", within).status, row.read_job) << row.username;
    for (const char* part : {"", "/result", "/params", "/output", "/logs"}) {
      EXPECT_EQ(world.call("GET", "/api/v1/job/" + id + part, headers).status, row.read_job) << row.username << part;
    }
    EXPECT_EQ(world.call("GET", "/api/v1/repository", headers).status, row.read_repository) << row.username;
    for (const char* part : {"", "/input", "/params"}) {
      EXPECT_EQ(world.call("GET", "/api/v1/repository/" + repository + part, headers).status, row.read_repository)
          << row.username << part;
    }
  }
}

TEST(Contract, AnApplicationThatIsNotOpenMakesTheTenantUnknownForNewWork) {
  World world;
  const std::string id = world.make_job(Phase::kFinished);
  auto closed = std::make_shared<job::Application>(*world.applications.get("tutorial"));
  closed->organizations = {"globex"};
  world.applications.put("tutorial", closed);
  EXPECT_EQ(world.post_json("/api/v1/job/execute", "{}").body, R"({"error":"Invalid x-api-key"})");
  EXPECT_EQ(world.post_json("/api/v1/repository", "{}").status, 401);
  EXPECT_EQ(world.get("/api/v1/job/" + id + "/result").status, 200) << "what there is stays readable";
}

TEST(Contract, NamesMayHoldAnything) {
  World world;
  const std::string organization =
      "Opera\xc3\xa7\xc3\xb5"
      "es/../S\xc3\xa3o Paulo \"%2f\"";
  auto client = std::make_shared<job::Client>(*world.clients.get("acme"));
  client->meta.name = "odd";
  client->organization_id = organization;
  world.clients.put("odd", client);
  auto application = std::make_shared<job::Application>(*world.applications.get("tutorial"));
  application->organizations = {"*"};
  world.applications.put("tutorial", application);
  const std::string latin1 =
      "Opera\xe7\xf5"
      "es/../S\xe3o Paulo \"%2f\"";
  for (const std::string& sent : {organization, latin1}) {
    Headers headers = World::identity("ana");
    headers[1].second = sent;
    const HttpReply made = world.call("POST", "/api/v1/job/execute", headers);
    ASSERT_EQ(made.status, 201) << made.body;
    const std::string id = made.json()["job_id"];
    EXPECT_EQ(world.call("GET", "/api/v1/job/" + id, headers).status, 202);
    EXPECT_EQ(json::parse(world.kube.requests().back().body)["spec"]["organizationId"], organization);
  }
}

}  // namespace
}  // namespace vbrain::api
