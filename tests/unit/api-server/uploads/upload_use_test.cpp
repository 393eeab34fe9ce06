// Jobs and repositories whose file is an upload.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "api-server/uploads/upload_use.hpp"
#include "artifacts/uploads/upload_store.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/api-server/uploads/tus_client.hpp"

namespace vbrain::api {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::Headers;
using testing::HttpReply;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using testing::TusClient;
using testing::World;

const std::string kExecute = "/api/v1/job/execute";
const std::string kRepository = "/api/v1/repository";
const std::string kZip = "filename aW5wdXQuemlw";
const Headers kKey{{"Idempotency-Key", "8e03978e-40d5-43dd-bc93-6894a57f9324"}};

std::string json_of(const std::string& upload, const std::string& more = "") {
  return R"({"upload_id":")" + upload + "\"" + more + "}";
}

std::size_t folders(const World& world, const std::string& part) {
  std::size_t found = 0;
  for (const std::string& path : world.files(part)) found += path.find('/') == std::string::npos ? 1 : 0;
  return found;
}

HttpReply input_files(World& world, const HttpReply& made) {
  return world.get(kRepository + "/" + made.json()["repository_id"].get<std::string>() + "/input/files");
}

// The same archive in a form and as an upload.
TEST(UploadUse, IsAsIfTheFileHadBeenInAForm) {
  const std::string zip =
      testing::zip_of({{"INPUT/a.csv", "1,2\n"}, {"INPUT/__MACOSX/._a.csv", "x"}, {"INPUT/s/b", ""}});
  World world;
  const HttpReply form =
      world.post(kExecute, testing::kMultipartType,
                 testing::multipart({{"name=file; filename=input.zip", zip}, {"name=params", R"({"a":1})"}}));
  ASSERT_EQ(form.status, 201) << form.body;
  for (const std::string where : {"json", "form", "header"}) {
    TusClient tus(world);
    tus.upload(zip, kZip);
    const HttpReply made =
        where == "header" ? world.post(kExecute, testing::kMultipartType,
                                       testing::multipart({{"name=params", R"({"a":1})"}}), {{"upload-id", tus.id}})
        : where == "json" ? world.post_json(kExecute, json_of(tus.id, R"(,"params":{"a":1},"priority":3)"))
                          : world.post(kExecute, testing::kMultipartType,
                                       testing::multipart({{"name=upload_id", tus.id}, {"name=params", R"({"a":1})"}}));
    ASSERT_EQ(made.status, 201) << made.body;
    EXPECT_EQ(made.json()["notes"], form.json()["notes"]);
    EXPECT_EQ(input_files(world, made).body, input_files(world, form).body);
    EXPECT_EQ(tus.head().status, 404);
  }
  world.finish_volume_work();
  EXPECT_THAT(world.files(".staging"), IsEmpty());
  EXPECT_THAT(world.files(".trash"), IsEmpty());
}

TEST(UploadUse, OverlaysTheInputOfARepository) {
  World world;
  const HttpReply repository =
      world.post(kRepository, testing::kMultipartType, testing::multipart({{"name=file; filename=a.csv", "old\n"}}));
  const std::string id = repository.json()["repository_id"];
  TusClient tus(world, "stan");
  tus.upload("new\n", "filename Yi5jc3Y=");
  Headers headers = World::identity("stan");
  headers.emplace_back("repository_id", id);
  headers.emplace_back("Content-Type", "application/json");
  const HttpReply made = world.call("POST", kExecute, headers, json_of(tus.id));
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string folder = world.job_folder(made.json()["job_id"]) + "/input/";
  EXPECT_EQ(vbrain::testing::read_file(folder + "a.csv"), "old\n");
  EXPECT_EQ(vbrain::testing::read_file(folder + "b.csv"), "new\n");
}

TEST(UploadUse, RefusesWhatIsNotReady) {
  World world;
  TusClient tus(world);
  ASSERT_EQ(tus.create(8, "filename Yi5jc3Y=").status, 201);
  ASSERT_EQ(tus.patch(0, "1,2\n").status, 204);
  const HttpReply early = world.post_json(kExecute, json_of(tus.id));
  EXPECT_EQ(early.status, 409);
  EXPECT_EQ(early.json()["error"], "Upload not yet complete");
  EXPECT_THAT(early.json()["detail"].get<std::string>(), HasSubstr("4 of 8 bytes have come. Remedy: "));
  for (const std::string id : {"01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d", "..", "x", ".used"}) {
    const HttpReply absent = world.post_json(kExecute, json_of(id));
    EXPECT_EQ(absent.status, 404) << id;
    EXPECT_EQ(absent.json()["error"], "Invalid upload_id") << id;
  }
  Headers eve = World::identity("eve");
  eve.emplace_back("Content-Type", "application/json");
  EXPECT_EQ(world.call("POST", kExecute, eve, json_of(tus.id)).status, 404);
  for (const std::string body : {R"({"upload_id":1})", R"({"upload_id":""})", R"({"upload_id":null})"}) {
    EXPECT_EQ(world.post_json(kExecute, body).json()["error"], "Invalid upload_id") << body;
  }
  const HttpReply both =
      world.post(kExecute, testing::kMultipartType,
                 testing::multipart({{"name=upload_id", tus.id}, {"name=file; filename=a.csv", "1\n"}}));
  EXPECT_EQ(both.status, 400);
  EXPECT_THAT(both.json()["detail"].get<std::string>(), HasSubstr("send one of them"));
  ASSERT_EQ(tus.patch(4, "3,4\n").status, 204);
  EXPECT_EQ(world.post_json(kExecute, json_of(tus.id)).status, 201);
}

TEST(UploadUse, IsOnce) {
  World world;
  World replica(world);
  TusClient tus(world);
  tus.upload("1,2\n", "filename Yi5jc3Y=");
  ASSERT_EQ(world.post_json(kRepository, json_of(tus.id)).status, 201);
  for (const std::string& path : {kRepository, kExecute}) {
    const HttpReply again = replica.post_json(path, json_of(tus.id));
    EXPECT_EQ(again.status, 409) << again.body;
    EXPECT_EQ(again.json()["error"], "Upload already used");
    EXPECT_THAT(again.json()["detail"].get<std::string>(), HasSubstr("Remedy: "));
  }
  const HttpReply more = tus.patch(4, "x");
  EXPECT_EQ(more.status, 404);
  EXPECT_THAT(more.json()["detail"].get<std::string>(), HasSubstr("was made of it"));
}

TEST(UploadUse, OfManyAtOnceOneGetsIt) {
  World world;
  World replica(world);
  TusClient tus(world);
  tus.upload(testing::zip_of({{"a.csv", "1\n"}}), kZip);
  std::vector<int> statuses(6);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < statuses.size(); ++i) {
      threads.emplace_back(
          [&, i] { statuses[i] = (i % 2 == 0 ? world : replica).post_json(kRepository, json_of(tus.id)).status; });
    }
  }
  EXPECT_EQ(std::ranges::count(statuses, 201), 1);
  EXPECT_EQ(std::ranges::count(statuses, 409), 5);
  EXPECT_EQ(folders(world, "repositories"), 1u);
}

TEST(UploadUse, AFailureLeavesTheUpload) {
  World world;
  TusClient tus(world);
  tus.upload(testing::zip_of({{"a.csv", "1\n"}}), kZip);
  world.kube.answer = [&](const kube::Request&) -> kube::KubeResult<kube::Response> {
    return Unexpected<kube::Error>(kube::Error{.code = kube::ErrorCode::kForbidden});
  };
  EXPECT_EQ(world.post_json(kExecute, json_of(tus.id)).status, 503);
  world.kube.answer = {};
  Headers none{{"repository_id", "202009131226401234"}};
  EXPECT_EQ(world.post_json(kExecute, json_of(tus.id), none).status, 404);
  EXPECT_EQ(world.post_json(kExecute, json_of(tus.id, R"(,"params":1)")).status, 400);
  EXPECT_EQ(tus.head().status, 200);
  // It is freed behind the answer.
  HttpReply made;
  do {
    made = world.post_json(kExecute, json_of(tus.id));
  } while (made.status == 409);
  EXPECT_EQ(made.status, 201) << made.body;
}

// Unpacking may take minutes.
TEST(UploadUse, ThePriorityIsLookedAtBeforeTheFiles) {
  World world;
  TusClient tus(world);
  tus.upload("no archive", kZip);
  Headers dora = World::identity("dora");
  dora.emplace_back("Content-Type", "application/json");
  const HttpReply reply = world.call("POST", kExecute, dora, json_of(tus.id, R"(,"priority":1)"));
  EXPECT_EQ(reply.status, 403) << reply.body;
}

// A request that is slow for many minutes counts as dead.
TEST(UploadUse, AnOvertakenRequestPublishesNothing) {
  World world;
  TusClient tus(world);
  tus.upload("1,2\n", "filename Yi5jc3Y=");
  const auto open = [&] { return artifacts::open_upload(*world.volume, World::tenant(), tus.id).value(); };
  const auto seen = open();
  artifacts::UploadState taken;
  {
    UploadUse first(*world.services, World::tenant(), open());
    UploadUse early(*world.services, World::tenant(), open());
    ASSERT_TRUE(first.claim(std::nullopt));
    EXPECT_TRUE(first.confirm());
    EXPECT_FALSE(early.claim(std::nullopt));
    // As claim() does after so many minutes.
    taken = seen.state().value();
    taken.by = "another-1";
    ASSERT_TRUE(seen.step(seen.state().value(), taken));
    EXPECT_FALSE(first.confirm());
  }
  world.finish_volume_work();
  EXPECT_EQ(seen.state(), taken) << "the one that was overtaken must not free it";
}

// Its request was killed between taking it and publishing.
TEST(UploadUse, OneThatIsHeldByNobodyAnyMoreCanBeDeleted) {
  World world;
  TusClient tus(world);
  tus.upload("1,2\n", "filename Yi5jc3Y=");
  const auto upload = artifacts::open_upload(*world.volume, World::tenant(), tus.id).value();
  artifacts::UploadState taken = upload.state().value();
  taken.kind = artifacts::UploadState::Kind::kUsing;
  taken.by = "another-1";
  ASSERT_TRUE(upload.step(upload.state().value(), taken));
  EXPECT_EQ(tus.remove().status, 409) << "within the quarter of an hour";
  EXPECT_EQ(upload.state(), taken);
  free_if_abandoned(*world.services, upload, std::chrono::minutes(0));
  EXPECT_EQ(tus.remove().status, 204);
}

TEST(UploadUse, TheSameRequestWithAKeyMayTakeItOver) {
  World world;
  TusClient tus(world);
  tus.upload("1,2\n", "filename Yi5jc3Y=");
  const auto open = [&] { return artifacts::open_upload(*world.volume, World::tenant(), tus.id).value(); };
  const KeyedRequest key{.name = "name", .request = "request"};
  UploadUse first(*world.services, World::tenant(), open());
  UploadUse again(*world.services, World::tenant(), open());
  UploadUse other(*world.services, World::tenant(), open());
  ASSERT_TRUE(first.claim(key));
  EXPECT_FALSE(other.claim(KeyedRequest{.name = "name", .request = "other request"}));
  EXPECT_TRUE(again.claim(key));
  EXPECT_TRUE(first.confirm());
  again.keep();
  first.keep();
}

TEST(UploadUse, ABadArchiveIsRefusedAsInAForm) {
  World world;
  TusClient tus(world);
  tus.upload("no archive", kZip);
  const HttpReply reply = world.post_json(kExecute, json_of(tus.id));
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.json()["error"], "Invalid file");
  EXPECT_EQ(tus.remove().status, 204);
}

TEST(UploadUse, CountsOnceAgainstTheQuota) {
  World world;
  testing::set_quota(world, "1Mi");
  TusClient tus(world);
  tus.upload(std::string(700'000, 'x'), "filename Yi5jc3Y=");
  const HttpReply made = world.post_json(kExecute, json_of(tus.id));
  EXPECT_EQ(made.status, 201) << made.body;
  const auto used = world.get("/api/v1/usage").json()["bytes_used"].get<std::uint64_t>();
  EXPECT_GE(used, 700'000U);
  EXPECT_LT(used, 701'000U) << "the file, and the params and metadata of the job";
}

TEST(UploadUse, ARepeatedRequestWithAKeyIsAnsweredAgain) {
  for (const std::string& path : {kExecute, kRepository}) {
    World world;
    World replica(world);
    TusClient tus(world);
    tus.upload(testing::zip_of({{"a.csv", "1\n"}}), kZip);
    const HttpReply first = world.post_json(path, json_of(tus.id), kKey);
    ASSERT_EQ(first.status, 201) << first.body;
    const HttpReply again = replica.post_json(path, json_of(tus.id), kKey);
    EXPECT_EQ(again.status, 201) << again.body;
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(again.header("Idempotency-Replayed"), "true");
    EXPECT_EQ(replica.post_json(path, json_of(tus.id)).status, 409);
  }
}

// The server was killed when the job was there and the upload was not removed yet.
TEST(UploadUse, ARepeatedRequestRemovesTheUploadThatItsFirstTryLeft) {
  for (const std::string& path : {kExecute, kRepository}) {
    World world;
    TusClient tus(world);
    tus.upload(testing::zip_of({{"a.csv", "1\n"}}), kZip);
    const HttpReply first = world.post_json(path, json_of(tus.id), kKey);
    ASSERT_EQ(first.status, 201) << first.body;
    // As if it were still there.
    TusClient left(world);
    left.upload("1,2\n", "filename Yi5jc3Y=");
    TusClient other(world);
    other.upload("1,2\n", "filename Yi5jc3Y=");
    const std::string name = artifacts::key_record_name(kKey[0].second);
    const auto key = artifacts::find_key(*world.volume, World::tenant(), name).value();
    UploadUse use(*world.services, World::tenant(),
                  artifacts::open_upload(*world.volume, World::tenant(), left.id).value());
    ASSERT_TRUE(use.claim(KeyedRequest{.name = name, .request = key.record.request}));
    use.keep();
    EXPECT_EQ(world.post_json(path, json_of(tus.id), kKey).body, first.body);
    EXPECT_EQ(left.head().status, 404);
    EXPECT_EQ(world.post_json(path, json_of(left.id)).status, 409) << "an upload serves once";
    EXPECT_EQ(other.head().status, 200);
  }
}

TEST(UploadUse, TheHeaderIsAPartOfTheRequestOfAKey) {
  World world;
  TusClient tus(world);
  tus.upload("1,2\n", "filename Yi5jc3Y=");
  Headers headers = kKey;
  headers.emplace_back("upload_id", tus.id);
  const HttpReply first = world.post_json(kRepository, "{}", headers);
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_EQ(world.post_json(kRepository, "{}", headers).body, first.body);
  EXPECT_EQ(world.post_json(kRepository, "{}", kKey).status, 422);
  headers.emplace_back("upload-id", tus.id);
  EXPECT_EQ(world.post_json(kRepository, "{}", headers).status, 422);
  headers.erase(headers.begin());
  EXPECT_EQ(world.post_json(kRepository, "{}", headers).json()["error"], "Invalid upload_id");
  headers.pop_back();
  EXPECT_EQ(world.post_json(kRepository, json_of("other"), headers).json()["error"], "Invalid upload_id");
}

TEST(UploadUse, ManyWithOneKeyHaveOneAnswer) {
  World world;
  World replica(world);
  TusClient tus(world);
  tus.upload(testing::zip_of({{"a.csv", "1\n"}}), kZip);
  std::vector<HttpReply> replies(6);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < replies.size(); ++i) {
      threads.emplace_back(
          [&, i] { replies[i] = (i % 2 == 0 ? world : replica).post_json(kExecute, json_of(tus.id), kKey); });
    }
  }
  for (const HttpReply& reply : replies) {
    EXPECT_EQ(reply.status, 201) << reply.body;
    EXPECT_EQ(reply.body, replies[0].body);
  }
  EXPECT_EQ(folders(world, "jobs"), 1u);
  EXPECT_EQ(tus.head().status, 404);
}

// A server that is killed at each step. The same request on another one completes the work.
TEST(UploadUse, AKillAtAnyStepIsCompletedByTheSameKey) {
  for (const std::string failpoint : {"api-server.upload-staged", "api-server.key-claimed", "api-server.published",
                                      "api-server.created", "api-server.upload-unspent"}) {
    const std::string root = vbrain::testing::make_temp_folder(vbrain::testing::volumes_folder());
    const std::string armed = vbrain::testing::make_temp_folder("/tmp");
    std::string id;
    {
      World world(root);
      TusClient tus(world);
      tus.upload(testing::zip_of({{"a.csv", "1\n"}}), kZip);
      id = tus.id;
    }
    std::ofstream(armed + "/" + failpoint).flush();
    const pid_t child = fork();
    if (child == 0) {
      setenv("FAILPOINTS", armed.c_str(), 1);
      {
        World world(root);
        world.post_json(kExecute, json_of(id), kKey);
      }
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << failpoint;
    fs::remove_all(armed);
    {
      World world(root);
      const HttpReply made = world.post_json(kExecute, json_of(id), kKey);
      EXPECT_EQ(made.status, 201) << failpoint << made.body;
      EXPECT_EQ(folders(world, "jobs"), 1u) << failpoint;
      const HttpReply other = world.post_json(kExecute, json_of(id));
      EXPECT_EQ(other.status, 409) << failpoint << other.body;
    }
    fs::remove_all(root);
  }
}

TEST(UploadUse, WhatAnotherRequestHasTakenIsNotGivenTwice) {
  World world;
  TusClient tus(world);
  tus.upload("1,2\n", "filename Yi5jc3Y=");
  {
    const auto upload = artifacts::open_upload(*world.volume, World::tenant(), tus.id).value();
    const auto state = upload.state().value();
    auto taken = state;
    taken.kind = artifacts::UploadState::Kind::kUsing;
    taken.by = "0123456789abcdef";
    ASSERT_TRUE(upload.step(state, taken));
  }
  const HttpReply early = world.post_json(kExecute, json_of(tus.id));
  EXPECT_EQ(early.status, 409);
  EXPECT_THAT(early.json()["detail"].get<std::string>(), HasSubstr("another request makes"));
  EXPECT_EQ(tus.remove().status, 409);
}

}  // namespace
}  // namespace vbrain::api
