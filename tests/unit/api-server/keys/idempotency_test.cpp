// Idempotency-Key: the same request has the same answer and is done once, whatever happens in between.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "api-server/keys/body_digest.hpp"
#include "api-server/keys/idempotency.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::Headers;
using testing::HttpReply;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::World;

const std::string kExecute = "/api/v1/job/execute";
const std::string kRepository = "/api/v1/repository";
const std::string kBody = R"({"params":{"a":1},"metadata":{"name":"x"}})";
const Headers kKey{{"Idempotency-Key", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\""}};

std::vector<std::string> folders(const World& world, const std::string& part) {
  std::vector<std::string> found;
  for (const std::string& path : world.files(part)) {
    if (path.find('/') == std::string::npos) found.push_back(path);
  }
  return found;
}

void expect_replay(const HttpReply& reply, const HttpReply& first) {
  EXPECT_EQ(reply.status, 201) << reply.body;
  EXPECT_EQ(reply.body, first.body);
  EXPECT_EQ(reply.header("Idempotency-Replayed"), "true");
  EXPECT_NE(reply.header("X-Request-Id"), first.header("X-Request-Id"));
}

TEST(IdempotencyKey, IsAStringOfTheDraftOrTheSameWithoutQuotes) {
  const struct {
    std::string sent;
    std::optional<std::string> key;  // nothing: refused
  } table[] = {{"abc", "abc"},
               {"\"abc\"", "abc"},
               {"\"a b\"", "a b"},
               {R"("a\"b\\c")", "a\"b\\c"},
               {"~!#$%&'()*+,-./:;<=>?@[]^_`{|}", "~!#$%&'()*+,-./:;<=>?@[]^_`{|}"},
               {std::string(255, 'k'), std::string(255, 'k')},
               {"\"" + std::string(255, 'k') + "\"", std::string(255, 'k')},
               {"", std::nullopt},
               {"\"\"", std::nullopt},
               {"\"abc", std::nullopt},
               {"\"abc\";p=1", std::nullopt},
               {"\"a\\n\"", std::nullopt},
               {"\"a\\", std::nullopt},
               {"a b", std::nullopt},
               {"\xc3\xa9", std::nullopt},
               {"\"\xc3\xa9\"", std::nullopt},
               {"a\tb", std::nullopt},
               {std::string(256, 'k'), std::nullopt}};
  for (const auto& row : table) {
    const auto read = read_idempotency_key({{"iDempotency-key", row.sent}});
    EXPECT_EQ(read.has_value(), row.key.has_value()) << row.sent;
    if (read) {
      EXPECT_EQ(*read, row.key);
    } else {
      EXPECT_EQ(message_of(read.error()), "Invalid Idempotency-Key");
    }
  }
  EXPECT_EQ(read_idempotency_key({{"x", "y"}}).value(), std::nullopt);
  EXPECT_FALSE(read_idempotency_key({{"Idempotency-Key", "a"}, {"Idempotency-Key", "a"}}));
}

TEST(BodyDigests, DifferWhereTheBodiesDo) {
  std::vector<std::string> digests{digest_of_no_body(), digest_of_json("a"), digest_of_json("b"), digest_of_form({})};
  const FormDigests forms[] = {{.params = "{}"},
                               {.metadata = "{}"},
                               {.priority = "{}"},
                               {.callback_url = "{}"},
                               {.params = "{} "},
                               {.params = "{}", .metadata = "{}"},
                               {.file_name = "a.csv", .file_sha256 = "1"},
                               {.file_name = "b.csv", .file_sha256 = "1"},
                               {.file_name = "a.csv", .file_sha256 = "2"}};
  for (const FormDigests& form : forms) digests.push_back(digest_of_form(form));
  for (const std::string body : {"1", "2"}) {
    for (const std::string repository : {"", "3"}) {
      for (const std::string path : {"/a", "/b"}) digests.push_back(digest_of_request(path, repository, body));
    }
  }
  for (const std::string& digest : digests) EXPECT_THAT(digest, SizeIs(64));
  std::ranges::sort(digests);
  EXPECT_EQ(std::ranges::adjacent_find(digests), digests.end());
}

TEST(Idempotency, TheSameRequestHasTheSameAnswer) {
  for (const std::string& path : {kExecute, kRepository}) {
    World world;
    const HttpReply first = world.post_json(path, kBody, kKey);
    ASSERT_EQ(first.status, 201) << first.body;
    EXPECT_EQ(first.header("Idempotency-Replayed"), "");
    expect_replay(world.post_json(path, kBody, kKey), first);
    World replica(world);
    expect_replay(replica.post_json(path, kBody, kKey), first);
    EXPECT_THAT(folders(world, "repositories"), SizeIs(1));
    EXPECT_THAT(folders(world, "jobs"), SizeIs(path == kExecute ? 1 : 0));
    EXPECT_EQ(world.kube.count("POST"), path == kExecute ? 1u : 0u);
  }
}

TEST(Idempotency, WithoutTheKeyNothingIsRemembered) {
  World world;
  EXPECT_EQ(world.post_json(kExecute, kBody).status, 201);
  EXPECT_EQ(world.post_json(kExecute, kBody).status, 201);
  EXPECT_THAT(folders(world, "jobs"), SizeIs(2));
  EXPECT_THAT(world.files(".keys"), IsEmpty());
}

TEST(Idempotency, AnotherRequestWithTheKeyIsRefused) {
  World world;
  const std::string repository = world.post_json(kRepository, "{}").json()["repository_id"];
  ASSERT_EQ(world.post_json(kExecute, kBody, kKey).status, 201);
  Headers in_repository = kKey;
  in_repository.emplace_back("repository_id", repository);
  for (const HttpReply& reply :
       {world.post_json(kExecute, R"({"params":{"a":2}})", kKey), world.post_json(kRepository, kBody, kKey),
        world.post_json(kExecute, kBody, in_repository), world.call("POST", kExecute, [] {
          Headers headers = World::identity("ana");
          headers.insert(headers.end(), kKey.begin(), kKey.end());
          return headers;
        }())}) {
    EXPECT_EQ(reply.status, 422) << reply.body;
    EXPECT_EQ(reply.json()["error"], "Idempotency-Key already used");
    EXPECT_THAT(reply.json()["detail"].get<std::string>(), HasSubstr("Remedy: "));
  }
  EXPECT_THAT(folders(world, "jobs"), SizeIs(1));
  EXPECT_EQ(world.post_json(kExecute, kBody, {{"Idempotency-Key", "another"}}).status, 201);
}

TEST(Idempotency, KeysAreThoseOfATenant) {
  World world;
  const HttpReply first = world.post_json(kExecute, kBody, kKey);
  Headers eve = World::identity("eve");
  eve.insert(eve.end(), kKey.begin(), kKey.end());
  eve.emplace_back("Content-Type", "application/json");
  const HttpReply other = world.call("POST", kExecute, eve, kBody);
  EXPECT_EQ(other.status, 201) << other.body;
  EXPECT_NE(other.body, first.body);
  EXPECT_EQ(other.header("Idempotency-Replayed"), "");
}

// What clients send again is not the same bytes: each time a form has another random boundary.
TEST(Idempotency, AFormMayHaveAnotherBoundaryAndOrder) {
  World world;
  const auto form = [&](const std::string& boundary, std::vector<std::pair<std::string, std::string>> parts) {
    std::string body;
    for (const auto& [disposition, content] : parts) {
      body += "--" + boundary + "\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n";
    }
    return world.post(kExecute, "multipart/form-data; boundary=" + boundary, body + "--" + boundary + "--\r\n", kKey);
  };
  const std::string zip = testing::zip_of({{"a.csv", "1\n"}});
  const std::pair<std::string, std::string> file{"name=file; filename=a.zip", zip};
  const std::pair<std::string, std::string> params{"name=params", R"({"a":1})"};
  const HttpReply first = form("one", {params, file});
  ASSERT_EQ(first.status, 201) << first.body;
  expect_replay(form("two", {params, file}), first);
  expect_replay(form("three", {file, params}), first);
  EXPECT_EQ(form("four", {file}).status, 422);
  EXPECT_EQ(form("five", {params, {"name=file; filename=b.zip", zip}}).status, 422);
  EXPECT_EQ(form("six", {params, {"name=file; filename=a.zip", zip + "x"}}).status, 422);
  EXPECT_EQ(form("seven", {params, file, {"name=priority", "1"}}).status, 422);
  EXPECT_THAT(folders(world, "jobs"), SizeIs(1));
  EXPECT_THAT(world.files(".staging"), IsEmpty());
}

TEST(Idempotency, NotesAreRepeatedToo) {
  World world;
  const std::string body = testing::multipart(
      {{"name=file; filename=a.zip", testing::zip_of({{"a.csv", "1\n"}, {"__MACOSX/._a.csv", "x"}})}});
  const HttpReply first = world.post(kRepository, testing::kMultipartType, body, kKey);
  ASSERT_TRUE(first.json().contains("notes")) << first.body;
  expect_replay(world.post(kRepository, testing::kMultipartType, body, kKey), first);
}

// A refusal makes nothing and is not kept: the corrected request may have the same key.
TEST(Idempotency, ARefusalLeavesTheKeyFree) {
  World world;
  EXPECT_EQ(world.post_json(kExecute, "{", kKey).status, 400);
  EXPECT_EQ(world.post_json(kExecute, R"({"params":1})", kKey).status, 400);
  EXPECT_EQ(world.post_json(kExecute, kBody, kKey).status, 201);
}

// What was deleted stays deleted, and the answer is the same.
TEST(Idempotency, ADeletedJobIsNotMadeAgain) {
  World world;
  const HttpReply first = world.post_json(kExecute, kBody, kKey);
  const std::string id = first.json()["job_id"];
  world.catch_up();
  ASSERT_EQ(world.remove("/api/v1/job/" + id).status, 200);
  world.volume->remove_job(World::tenant(), id, first.json()["repository_id"].get<std::string>());
  expect_replay(world.post_json(kExecute, kBody, kKey), first);
  ASSERT_EQ(world.remove(kRepository + "/" + first.json()["repository_id"].get<std::string>()).status, 200);
  expect_replay(world.post_json(kExecute, kBody, kKey), first);
  EXPECT_THAT(folders(world, "jobs"), IsEmpty());
  EXPECT_THAT(folders(world, "repositories"), IsEmpty());
}

// A slow request has seen that the work is not done yet. Another one does it, and its job is deleted, before the slow
// one publishes it. Here the slow one is a request for which the mark of the work is not there.
TEST(Idempotency, ASlowRequestBringsNothingDeletedBack) {
  const struct {
    std::string path;
    bool repository_too;
  } table[] = {{kExecute, false}, {kExecute, true}, {kRepository, true}};
  for (const auto& [path, repository_too] : table) {
    World world;
    const HttpReply first = world.post_json(path, kBody, kKey);
    ASSERT_EQ(first.status, 201) << first.body;
    world.catch_up();
    const std::string repository = first.json()["repository_id"];
    const std::string made = path == kExecute ? first.json()["job_id"].get<std::string>() : repository;
    if (path == kExecute) {
      ASSERT_EQ(world.remove("/api/v1/job/" + made).status, 200);
      world.volume->remove_job(World::tenant(), made, repository);
      world.kube.forget(made);
      world.catch_up();
    }
    if (repository_too) {
      ASSERT_EQ(world.remove(kRepository + "/" + repository).status, 200);
    }
    world.finish_volume_work();
    World slow(world);
    ASSERT_TRUE(fs::remove(world.root + "/tenants/acme/Tutorial/north/.keys/done-" + made));
    const HttpReply reply = slow.post_json(path, kBody, kKey);
    EXPECT_THAT(folders(world, "jobs"), IsEmpty());
    EXPECT_THAT(folders(world, "repositories"), SizeIs(repository_too ? 0 : 1));
    EXPECT_EQ(world.kube.objects().size(), 0u);
    if (path == kExecute && repository_too) {
      EXPECT_EQ(reply.json()["error"], "Invalid repository_id") << "it goes first";
    } else {
      expect_replay(reply, first);
    }
  }
}

// While the Kubernetes API is away the job stays on the volume, and the same request completes it.
TEST(Idempotency, AFailureAfterThePublicationIsCompletedByTheSameRequest) {
  World world;
  for (const auto code : {kube::ErrorCode::kTimeout, kube::ErrorCode::kForbidden}) {
    world.kube.answer = [&](const kube::Request&) -> kube::KubeResult<kube::Response> {
      return Unexpected<kube::Error>(kube::Error{.code = code});
    };
    const HttpReply failed = world.post_json(kExecute, kBody, kKey);
    EXPECT_EQ(failed.status, 503);
    EXPECT_THAT(failed.json()["detail"].get<std::string>(), HasSubstr("Remedy: repeat the request with the same"));
    ASSERT_THAT(folders(world, "jobs"), SizeIs(1));
    EXPECT_FALSE(world.volume->is_deleted(World::tenant(), folders(world, "jobs")[0]));
  }
  world.kube.answer = {};
  const HttpReply done = world.post_json(kExecute, kBody, kKey);
  EXPECT_EQ(done.status, 201) << done.body;
  EXPECT_EQ(done.json()["job_id"], folders(world, "jobs")[0]);
  EXPECT_THAT(folders(world, "repositories"), SizeIs(1));
  EXPECT_TRUE(world.kube.object(done.json()["job_id"]));
}

TEST(Idempotency, ManyAtOnceOnTwoReplicasMakeOneJob) {
  World world;
  World replica(world);
  std::vector<HttpReply> replies(12);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      threads.emplace_back([&, i] { replies[i] = (i % 2 == 0 ? world : replica).post_json(kExecute, kBody, kKey); });
    }
  }
  std::size_t first = 0;
  for (const HttpReply& reply : replies) {
    EXPECT_EQ(reply.status, 201) << reply.body;
    EXPECT_EQ(reply.body, replies[0].body);
    first += reply.header("Idempotency-Replayed").empty() ? 1 : 0;
  }
  EXPECT_EQ(first, 1u);
  EXPECT_THAT(folders(world, "jobs"), SizeIs(1));
  EXPECT_THAT(folders(world, "repositories"), SizeIs(1));
  EXPECT_EQ(world.kube.objects().size(), 1u);
}

TEST(Idempotency, ARetryOfAJobIsDoneOnce) {
  World world;
  const std::string id = world.make_job(job::Phase::kFailed);
  world.record(id);
  Headers headers = World::identity("ana");
  headers.insert(headers.end(), kKey.begin(), kKey.end());
  const std::string path = "/api/v1/job/" + id + "/retry";
  const HttpReply first = world.call("POST", path, headers);
  ASSERT_EQ(first.status, 201) << first.body;
  expect_replay(world.call("POST", path, headers), first);
  EXPECT_THAT(folders(world, "jobs"), SizeIs(2));
}

TEST(Idempotency, KeysOfATenantAreLimited) {
  World world(Limits{.max_idempotency_keys = 2});
  const auto send = [&](const std::string& key) {
    return world.post_json(kRepository, "{}", {{"Idempotency-Key", key}});
  };
  EXPECT_EQ(send("a").status, 201);
  EXPECT_EQ(send("b").status, 201);
  const HttpReply refused = send("c");
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.header("Retry-After"), "");
  EXPECT_EQ(refused.header("RateLimit-Policy"), R"("idempotency-keys";q=2;w=86400)");
  EXPECT_EQ(refused.header("RateLimit"), R"("idempotency-keys";r=0;t=)" + refused.header("Retry-After"));
  EXPECT_THAT(refused.json()["detail"].get<std::string>(), HasSubstr("max-idempotency-keys"));
  EXPECT_EQ(send("a").status, 201) << "a known key needs no room";
  EXPECT_EQ(world.post_json(kRepository, "{}").status, 201);
  // A day later.
  for (const std::string& name : world.files(".keys"))
    fs::remove(world.root + "/tenants/acme/Tutorial/north/.keys/" + name);
  EXPECT_EQ(send("c").status, 429) << "the folder is not counted at each request";
  world.clock.advance(KeyCounts::kPause);
  EXPECT_EQ(send("c").status, 201);
}

// A server that is killed at each step of a request. Another one gets the same request.
TEST(Idempotency, AKillAtAnyStepLeavesOneJob) {
  const struct {
    std::string failpoint;
    std::string path;
  } steps[] = {{"api-server.before-publish", kExecute},
               {"api-server.key-claimed", kExecute},
               {"api-server.repository-published", kExecute},
               {"api-server.published", kExecute},
               {"api-server.created", kExecute},
               {"api-server.key-claimed", kRepository},
               {"api-server.repository-published", kRepository}};
  for (const auto& step : steps) {
    const std::string root = vbrain::testing::make_temp_folder(vbrain::testing::volumes_folder());
    const std::string armed = vbrain::testing::make_temp_folder("/tmp");
    std::ofstream(armed + "/" + step.failpoint).flush();
    const pid_t child = fork();
    if (child == 0) {
      setenv("FAILPOINTS", armed.c_str(), 1);
      {
        World world(root);
        world.post_json(step.path, kBody, kKey);
      }
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    fs::remove_all(armed);
    {
      World world(root);
      const auto jobs_before = folders(world, "jobs");
      const auto found =
          find_key(*world.volume, World::tenant(), artifacts::key_record_name("8e03978e-40d5-43dd-bc93-6894a57f9324"));
      const HttpReply reply = world.post_json(step.path, kBody, kKey);
      EXPECT_EQ(reply.status, 201) << step.failpoint << reply.body;
      if (found) {
        EXPECT_EQ(reply.body, found->record.answer) << step.failpoint;
      }
      if (!jobs_before.empty()) {
        EXPECT_EQ(folders(world, "jobs"), jobs_before) << step.failpoint;
      }
      EXPECT_THAT(folders(world, "repositories"), SizeIs(1)) << step.failpoint;
      if (step.path == kExecute) {
        ASSERT_THAT(folders(world, "jobs"), SizeIs(1)) << step.failpoint;
        EXPECT_EQ(reply.json()["job_id"], folders(world, "jobs")[0]);
        EXPECT_TRUE(world.kube.object(reply.json()["job_id"])) << step.failpoint;
        EXPECT_EQ(world.volume->index_of(World::tenant(), reply.json()["repository_id"].get<std::string>()).value(),
                  folders(world, "jobs"));
      }
      expect_replay(world.post_json(step.path, kBody, kKey), reply);
    }
    fs::remove_all(root);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) GTEST_SKIP() << "built without failpoints";
  }
}

TEST(Idempotency, ADamagedRecordMakesNoSecondJob) {
  World world;
  ASSERT_EQ(world.post_json(kExecute, kBody, kKey).status, 201);
  for (const std::string& name : world.files(".keys")) {
    const std::string path = world.root + "/tenants/acme/Tutorial/north/.keys/" + name;
    fs::remove(path);
    std::ofstream(path) << "{";
  }
  EXPECT_EQ(world.post_json(kExecute, kBody, kKey).status, 503);
  EXPECT_THAT(folders(world, "jobs"), SizeIs(1));
}

}  // namespace
}  // namespace vbrain::api
