// Resumable uploads: what is acknowledged stays, whatever is cut, killed or sent twice.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "support/cpp/temp_dir.hpp"
#include "unit/api-server/uploads/tus_client.hpp"

namespace vbrain::api {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::HttpReply;
using ::testing::IsEmpty;
using testing::RawClient;
using testing::TusClient;
using testing::World;

const std::string kStream = "application/offset+octet-stream";
// "input.zip" and "d.csv".
const std::string kZip = "filename aW5wdXQuemlw";
const std::string kCsv = "filename ZC5jc3Y=";

TEST(TusUploads, BeginGrowAndTellTheirOffset) {
  World world;
  TusClient tus(world);
  const HttpReply made = tus.create(10, kZip);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("Location"), "./uploads/" + tus.id);
  EXPECT_EQ(made.header("Tus-Resumable"), "1.0.0");
  EXPECT_EQ(made.header("Upload-Offset"), "0");
  EXPECT_NE(made.header("Upload-Expires"), "");
  EXPECT_EQ(made.json()["message"], "Upload created");
  EXPECT_EQ(tus.patch(0, "01234").header("Upload-Offset"), "5");
  HttpReply head = tus.head();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("Upload-Offset"), "5");
  EXPECT_EQ(head.header("Upload-Length"), "10");
  EXPECT_EQ(head.header("Upload-Metadata"), kZip);
  EXPECT_EQ(head.header("Cache-Control"), "no-store");
  EXPECT_EQ(head.header("Tus-Resumable"), "1.0.0");
  World replica(world);
  const HttpReply rest = tus.on(replica).patch(5, "56789");
  EXPECT_EQ(rest.status, 204) << rest.body;
  EXPECT_EQ(rest.header("Upload-Offset"), "10");
  EXPECT_EQ(rest.header("Tus-Resumable"), "1.0.0");
  EXPECT_EQ(tus.head().header("Upload-Offset"), "10");
  EXPECT_EQ(tus.patch(10, "").status, 204) << "nothing more";
}

TEST(TusUploads, TellWhatTheServerCan) {
  World world;
  const HttpReply reply = world.call("OPTIONS", TusClient::kPath, World::identity("stan"));
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(reply.header("Tus-Version"), "1.0.0");
  EXPECT_EQ(reply.header("Tus-Extension"), "creation,creation-with-upload,checksum,termination,expiration");
  EXPECT_EQ(reply.header("Tus-Checksum-Algorithm"), "sha1,sha256");
  EXPECT_EQ(reply.header("Tus-Max-Size"), std::to_string(10ULL << 30));
}

// A browser asks so before a script of another site may send a request with headers of its own (CORS).
TEST(TusUploads, OptionsNeedAKeyAndPermitNoOtherOrigin) {
  World world;
  const testing::Headers preflight = {{"Origin", "https://evil.example"},
                                      {"Access-Control-Request-Method", "POST"},
                                      {"Access-Control-Request-Headers", "x-api-key"}};
  testing::Headers with_key = World::identity("ana");
  with_key.insert(with_key.end(), preflight.begin(), preflight.end());
  const HttpReply without = world.call("OPTIONS", TusClient::kPath, preflight);
  EXPECT_EQ(without.status, 400);
  EXPECT_EQ(without.json()["error"], "Missing username");
  const HttpReply with = world.call("OPTIONS", TusClient::kPath, with_key);
  EXPECT_EQ(with.status, 204);
  for (const HttpReply& reply : {without, with}) {
    EXPECT_EQ(reply.header("Access-Control-Allow-Origin"), "");
    EXPECT_EQ(reply.header("Access-Control-Allow-Headers"), "");
  }
}

TEST(TusUploads, MayBringTheirFirstBytes) {
  World world;
  TusClient tus(world);
  testing::Headers headers = tus.headers({{"Upload-Length", "6"}, {"Content-Type", kStream}});
  const HttpReply made = world.call("POST", TusClient::kPath, headers, "abc");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("Upload-Offset"), "3");
  tus.id = made.json()["upload_id"];
  EXPECT_EQ(tus.patch(3, "def").header("Upload-Offset"), "6");
  headers.back().second = "text/plain";
  EXPECT_EQ(world.call("POST", TusClient::kPath, headers, "abc").status, 415);
}

TEST(TusUploads, RefuseWhatDoesNotFit) {
  World world(Limits{.max_upload_bytes = 100});
  TusClient tus(world);
  EXPECT_EQ(tus.create(101).status, 413);
  EXPECT_THAT(tus.create(101).body, HasSubstr("max-upload-bytes"));
  EXPECT_EQ(tus.create(1, "", {{"Upload-Defer-Length", "1"}}).status, 400);
  EXPECT_EQ(tus.create(1, "filename eA==").json()["error"], "Invalid Upload-Metadata");
  EXPECT_EQ(world.call("POST", TusClient::kPath, tus.headers()).json()["error"], "Missing Upload-Length");
  ASSERT_EQ(tus.create(10).status, 201);
  const HttpReply offset = tus.patch(1, "x");
  EXPECT_EQ(offset.status, 409);
  EXPECT_EQ(offset.json()["error"], "Upload-Offset does not match");
  EXPECT_THAT(offset.json()["detail"].get<std::string>(), HasSubstr("the upload has 0 bytes"));
  EXPECT_EQ(tus.patch(0, std::string(11, 'x')).status, 413);
  EXPECT_EQ(tus.head().header("Upload-Offset"), "0");
  testing::Headers headers = tus.headers({{"Upload-Offset", "0"}, {"Content-Type", "application/json"}});
  EXPECT_EQ(world.call("PATCH", tus.path(), headers, "{}").status, 415);
  headers = tus.headers({{"Content-Type", kStream}});
  EXPECT_EQ(world.call("PATCH", tus.path(), headers, "x").json()["error"], "Missing Upload-Offset");
  EXPECT_EQ(world.get(tus.path()).status, 405);
}

TEST(TusUploads, SpeakOneVersion) {
  World world;
  TusClient tus(world);
  ASSERT_EQ(tus.create(1).status, 201);
  for (const std::string method : {"POST", "HEAD", "PATCH", "DELETE"}) {
    testing::Headers headers = World::identity("ana");
    headers.emplace_back("Upload-Length", "1");
    const std::string path = method == "POST" ? TusClient::kPath : tus.path();
    EXPECT_EQ(world.call(method, path, headers).status, 412) << method;
    headers.emplace_back("Tus-Resumable", "0.9.9");
    const HttpReply reply = world.call(method, path, headers);
    EXPECT_EQ(reply.status, 412) << method;
    EXPECT_EQ(reply.header("Tus-Version"), "1.0.0") << method;
    EXPECT_EQ(reply.header("Tus-Resumable"), "1.0.0") << method;
  }
  EXPECT_EQ(tus.head().status, 200);
}

TEST(TusUploads, TakeTheMethodFromAHeader) {
  World world;
  TusClient tus(world);
  ASSERT_EQ(tus.create(3).status, 201);
  const testing::Headers patch =
      tus.headers({{"X-HTTP-Method-Override", "PATCH"}, {"Upload-Offset", "0"}, {"Content-Type", kStream}});
  EXPECT_EQ(world.call("POST", tus.path(), patch, "abc").header("Upload-Offset"), "3");
  EXPECT_EQ(world.call("POST", tus.path(), tus.headers({{"X-HTTP-Method-Override", "DELETE"}})).status, 204);
  EXPECT_EQ(tus.head().status, 404);
}

TEST(TusUploads, AreOfTheirTenantAndOfWhoMayCreateJobs) {
  World world;
  TusClient tus(world, "stan");
  ASSERT_EQ(tus.create(3).status, 201);
  TusClient eve(world, "eve");
  eve.id = tus.id;
  EXPECT_EQ(eve.head().status, 404);
  const HttpReply stolen = eve.patch(0, "abc");
  EXPECT_EQ(stolen.status, 404);
  EXPECT_EQ(stolen.json()["error"], "Invalid upload_id");
  EXPECT_EQ(eve.remove().status, 404);
  TusClient dora(world, "dora");
  dora.id = tus.id;
  EXPECT_EQ(dora.patch(0, "abc").status, 204);
  testing::Headers nobody = tus.headers();
  nobody.erase(nobody.begin());
  EXPECT_EQ(world.call("HEAD", tus.path(), nobody).status, 400);
  for (const std::string id : {"x", "..", "%2e%2e", ".used", "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d"}) {
    eve.id = id;
    EXPECT_EQ(eve.head().status, 404) << id;
  }
}

TEST(TusUploads, ChecksumsDecideAboutTheBytes) {
  World world;
  TusClient tus(world);
  ASSERT_EQ(tus.create(11).status, 201);
  const testing::Headers right{{"Upload-Checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}};
  const HttpReply wrong = tus.patch(0, "hello worle", right);
  EXPECT_EQ(wrong.status, 460);
  EXPECT_EQ(wrong.json()["error"], "Checksum mismatch");
  EXPECT_THAT(wrong.head, HasSubstr("460 Checksum Mismatch"));
  EXPECT_EQ(tus.head().header("Upload-Offset"), "0");
  EXPECT_EQ(tus.patch(0, "x", {{"Upload-Checksum", "md5 XrY7u+Ae7tCTyyK7j1rNww=="}}).status, 400);
  EXPECT_EQ(tus.patch(0, "hello world", right).header("Upload-Offset"), "11");
}

// The point of it all.
TEST(TusUploads, WhatCameOfACutRequestIsKept) {
  World world;
  TusClient tus(world);
  ASSERT_EQ(tus.create(1'000'000, kCsv).status, 201);
  std::string all;
  for (int i = 0; i < 1'000'000; ++i) all += static_cast<char>('a' + i % 26);
  std::uint64_t offset = 0;
  for (int cut = 0; cut < 5; ++cut) {
    RawClient connection(world.server->address());
    ASSERT_TRUE(connection.send(tus.patch_head(offset, all.size() - offset)));
    ASSERT_TRUE(connection.send(all.substr(offset, 150'000)));
    connection.shutdown_write();
    connection.read_to_end();
    offset = std::stoull(tus.head().header("Upload-Offset"));
    EXPECT_EQ(offset, static_cast<std::uint64_t>(150'000 * (cut + 1)));
  }
  EXPECT_EQ(tus.patch(offset, all.substr(offset)).status, 204);
  const HttpReply made = world.post_json("/api/v1/repository", R"({"upload_id":")" + tus.id + "\"}");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string repository = made.json()["repository_id"];
  EXPECT_EQ(world.get("/api/v1/repository/" + repository + "/input/files/d.csv").body, all);
  EXPECT_EQ(world.get("/api/v1/repository/" + repository + "/input/files").json()[0]["sha256"], base::sha256_hex(all));
}

// More bytes than 32 bits count. The file is made as large as if they had come.
TEST(TusUploads, GoOnBehindFourGiB) {
  constexpr std::uint64_t kHere = 5ULL << 30;
  World world;
  TusClient tus(world);
  ASSERT_EQ(tus.create(kHere + 4, kCsv).status, 201);
  ASSERT_EQ(tus.patch(0, "a").status, 204);
  const fs::path folder = world.root + "/tenants/acme/Tutorial/north/.uploads/" + tus.id;
  int found = 0;
  const std::vector<fs::directory_entry> entries(fs::directory_iterator(folder), fs::directory_iterator{});
  for (const fs::directory_entry& entry : entries) {
    const std::string name = entry.path().filename();
    const std::string state = "state.1.";
    if (name.starts_with("data-")) {
      fs::resize_file(entry.path(), kHere);
      ++found;
    } else if (name.starts_with(state)) {
      fs::rename(entry.path(), folder / ("state." + std::to_string(kHere) + "." + name.substr(state.size())));
      ++found;
    }
  }
  ASSERT_EQ(found, 2) << "the layout of an upload is another one";
  EXPECT_EQ(tus.head().header("Upload-Offset"), std::to_string(kHere));
  EXPECT_EQ(tus.patch(kHere - (1ULL << 32), "b").status, 409) << "the same in 32 bits";
  EXPECT_EQ(tus.patch(kHere, "bc").header("Upload-Offset"), std::to_string(kHere + 2));
  EXPECT_EQ(tus.patch(kHere + 2, "def").status, 413) << "one byte too many";
  EXPECT_EQ(tus.patch(kHere + 2, "de").header("Upload-Offset"), std::to_string(kHere + 4));
}

TEST(TusUploads, ACutRequestWithAChecksumLeavesNothing) {
  World world;
  TusClient tus(world);
  ASSERT_EQ(tus.create(11).status, 201);
  {
    RawClient connection(world.server->address());
    std::string head = tus.patch_head(0, 11);
    head.insert(head.size() - 2, "Upload-Checksum: sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=\r\n");
    ASSERT_TRUE(connection.send(head + "hello"));
    connection.shutdown_write();
    connection.read_to_end();
  }
  EXPECT_EQ(tus.head().header("Upload-Offset"), "0");
}

// The server does not see that the link was cut, and the client comes back on another one.
TEST(TusUploads, ALaterRequestTakesOverFromOneThatHangs) {
  World world;
  World replica(world);
  TusClient tus(world);
  ASSERT_EQ(tus.create(6, kCsv).status, 201);
  RawClient stuck(world.server->address());
  ASSERT_TRUE(stuck.send(tus.patch_head(0, 6) + "a"));
  // Until the request has begun. Its byte is not durable yet, so the offset is 0 from the beginning.
  const std::string folder = ".uploads/" + tus.id;
  const auto is_writing = [&] {
    for (const std::string& name : world.files(folder)) {
      if (name.find(".writing.") != std::string::npos) return true;
    }
    return false;
  };
  while (!is_writing()) std::this_thread::yield();
  const HttpReply whole = tus.on(replica).patch(0, "x,y\n1,");
  EXPECT_EQ(whole.status, 204) << whole.body;
  EXPECT_EQ(whole.header("Upload-Offset"), "6");
  ASSERT_TRUE(stuck.send("bcdef"));
  EXPECT_EQ(http::testing::status_of(stuck.read_reply()), 409) << "it was overtaken";
  const HttpReply made = world.post_json("/api/v1/repository", R"({"upload_id":")" + tus.id + "\"}");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(
      world.get("/api/v1/repository/" + made.json()["repository_id"].get<std::string>() + "/input/files/d.csv").body,
      "x,y\n1,");
}

TEST(TusUploads, OfManyRequestsForOneOffsetOneIsTaken) {
  World world;
  World replica(world);
  TusClient tus(world);
  ASSERT_EQ(tus.create(5).status, 201);
  std::vector<int> statuses(6);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < statuses.size(); ++i) {
      threads.emplace_back([&, i] {
        statuses[i] = tus.on(i % 2 == 0 ? world : replica).patch(0, std::string(5, static_cast<char>('a' + i))).status;
      });
    }
  }
  EXPECT_EQ(std::ranges::count(statuses, 204), 1);
  EXPECT_EQ(std::ranges::count(statuses, 409), 5);
}

TEST(TusUploads, CanBeDeleted) {
  World world;
  TusClient tus(world);
  tus.upload("abc");
  EXPECT_EQ(tus.remove().status, 204);
  EXPECT_EQ(tus.head().status, 404);
  EXPECT_EQ(tus.patch(3, "").status, 404);
  EXPECT_EQ(tus.remove().status, 404);
  world.finish_volume_work();
  EXPECT_THAT(world.files(".uploads"), IsEmpty());
  EXPECT_THAT(world.files(".trash"), IsEmpty());
}

// What a deleted upload gives back is what it had, not what it could have had.
TEST(TusUploads, GiveBackTheBytesThatCame) {
  World world;
  testing::set_quota(world, "1Mi");
  TusClient kept(world);
  kept.upload(std::string(5'000, 'x'));
  TusClient tus(world);
  ASSERT_EQ(tus.create(4'000).status, 201);
  ASSERT_EQ(tus.patch(0, std::string(10, 'x')).status, 204);
  EXPECT_EQ(world.get("/api/v1/usage").json()["bytes_used"], 5'010);
  EXPECT_EQ(tus.remove().status, 204);
  EXPECT_EQ(world.get("/api/v1/usage").json()["bytes_used"], 5'000);
}

// Their clients get no id, so nobody would go on with them, and a tenant may have so many.
TEST(TusUploads, ThatWereRefusedOrCutWhileTheyBeganLeaveNothing) {
  World world(Limits{.max_uploads = 1});
  TusClient tus(world);
  const auto begin = [&](std::uint64_t bytes, const std::string& body, const testing::Headers& more) {
    testing::Headers headers = tus.headers({{"Upload-Length", std::to_string(bytes)}, {"Content-Type", kStream}});
    headers.insert(headers.end(), more.begin(), more.end());
    return world.call("POST", TusClient::kPath, headers, body).status;
  };
  EXPECT_EQ(begin(3, "abcd", {}), 413);
  EXPECT_EQ(begin(3, "abc", {{"Upload-Checksum", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}}), 460);
  {
    RawClient connection(world.server->address());
    std::string head = tus.patch_head(0, 9);
    head.replace(0, head.find(" HTTP"), std::string("POST ") + TusClient::kPath);
    head.insert(head.size() - 2, "Upload-Length: 9\r\n");
    ASSERT_TRUE(connection.send(head + "abc"));
    connection.shutdown_write();
    connection.read_to_end();
  }
  EXPECT_EQ(world.get("/api/v1/usage").json()["bytes_used"], 0);
  EXPECT_EQ(begin(3, "abc", {}), 201);
}

TEST(TusUploads, OfATenantAreLimited) {
  World world(Limits{.max_uploads = 2});
  TusClient tus(world);
  EXPECT_EQ(tus.create(1).status, 201);
  EXPECT_EQ(tus.create(1).status, 201);
  const HttpReply refused = tus.create(1);
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.header("Retry-After"), "");
  EXPECT_EQ(refused.header("RateLimit-Policy"), R"("uploads";q=2)");
  EXPECT_THAT(refused.json()["detail"].get<std::string>(),
              HasSubstr("--max-uploads (apiServer.maxUploads of the chart)"));
  EXPECT_EQ(TusClient(world, "eve").create(1).status, 201);
  EXPECT_EQ(tus.remove().status, 204);
  EXPECT_EQ(tus.create(1).status, 201);
}

TEST(TusUploads, CanBeTurnedOff) {
  World world(Limits{.max_uploads = 0});
  const HttpReply refused = TusClient(world).create(1);
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(refused.header("Retry-After"), "") << "it will not help";
  EXPECT_EQ(world.call("OPTIONS", TusClient::kPath, World::identity("ana")).header("Tus-Extension"),
            "checksum,termination,expiration");
  EXPECT_EQ(
      refused.json()["detail"],
      "resumable uploads are turned off: the operator's setting --max-uploads (apiServer.maxUploads of the chart) is "
      "0. Remedy: send the file in the body of the request, or ask the operator for a higher --max-uploads");
}

TEST(TusUploads, NeedRoomInTheQuota) {
  World world;
  testing::set_quota(world, "1Mi");
  TusClient tus(world);
  EXPECT_EQ(tus.create(2'000'000).status, 507);
  ASSERT_EQ(tus.create(600'000).status, 201);
  ASSERT_EQ(tus.patch(0, std::string(600'000, 'x')).status, 204);
  EXPECT_EQ(world.get("/api/v1/usage").json()["bytes_used"], 600'000);
  TusClient other(world);
  EXPECT_EQ(other.create(600'000).status, 507);
  EXPECT_EQ(tus.remove().status, 204);
  EXPECT_EQ(other.create(600'000).status, 201);
}

// A chunked body does not say how long it is, and others may use the room meanwhile.
TEST(TusUploads, StopWhereTheQuotaIsUsedUpMeanwhile) {
  World world;
  testing::set_quota(world, "40Mi");
  constexpr std::uint64_t kMiB = 1U << 20;
  TusClient tus(world);
  ASSERT_EQ(tus.create(39 * kMiB).status, 201);
  TusClient other(world);
  other.upload(std::string(10 * kMiB, 'x'));
  RawClient connection(world.server->address());
  std::string head = tus.patch_head(0, 0);
  const std::string length = "Content-Length: 0";
  head.replace(head.find(length), length.size(), "Transfer-Encoding: chunked");
  ASSERT_TRUE(connection.send(head));
  const std::string chunk = "100000\r\n" + std::string(kMiB, 'x') + "\r\n";
  for (int i = 0; i < 39 && connection.send(chunk); ++i) continue;
  EXPECT_EQ(http::testing::status_of(connection.read_reply()), 507);
  const std::uint64_t offset = std::stoull(tus.head().header("Upload-Offset"));
  EXPECT_GT(offset, 0U) << "what came is kept";
  EXPECT_LT(offset, 39 * kMiB);
  EXPECT_EQ(other.remove().status, 204);
  EXPECT_EQ(tus.patch(offset, std::string(39 * kMiB - offset, 'x')).status, 204);
}

// A server that is killed in the middle. Another one goes on with what was acknowledged.
TEST(TusUploads, AKilledServerLosesNothingThatItHasAcknowledged) {
  for (const std::string failpoint : {"upload.synced", "upload.committed"}) {
    const std::string root = vbrain::testing::make_temp_folder(vbrain::testing::volumes_folder());
    const std::string armed = vbrain::testing::make_temp_folder("/tmp");
    std::string id;
    {
      World world(root);
      TusClient tus(world);
      ASSERT_EQ(tus.create(9, kCsv).status, 201);
      ASSERT_EQ(tus.patch(0, "a,b").status, 204);
      id = tus.id;
    }
    std::ofstream(armed + "/" + failpoint).flush();
    const pid_t child = fork();
    if (child == 0) {
      setenv("FAILPOINTS", armed.c_str(), 1);
      {
        World world(root);
        TusClient tus(world);
        tus.id = id;
        tus.patch(3, "\n1,");
      }
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << failpoint;
    fs::remove_all(armed);
    {
      World world(root);
      TusClient tus(world);
      tus.id = id;
      const std::uint64_t offset = std::stoull(tus.head().header("Upload-Offset"));
      EXPECT_EQ(offset, failpoint == "upload.synced" ? 3u : 6u);
      EXPECT_EQ(tus.patch(offset, std::string("a,b\n1,2\n3").substr(offset)).status, 204);
      const HttpReply made = world.post_json("/api/v1/repository", R"({"upload_id":")" + id + "\"}");
      ASSERT_EQ(made.status, 201) << made.body;
      const std::string repository = made.json()["repository_id"];
      EXPECT_EQ(world.get("/api/v1/repository/" + repository + "/input/files/d.csv").body, "a,b\n1,2\n3");
    }
    fs::remove_all(root);
  }
}

}  // namespace
}  // namespace vbrain::api
