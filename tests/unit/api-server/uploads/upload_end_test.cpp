// What an upload that is gone leaves of the tenant's quota, uploads that expire, and very large ones.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "artifacts/uploads/upload_store.hpp"
#include "base/time/clock.hpp"
#include "unit/api-server/uploads/tus_client.hpp"

namespace vbrain::api {
namespace {

using testing::HttpReply;
using testing::TusClient;
using testing::World;

// "d.csv".
const std::string kCsv = "filename ZC5jc3Y=";

// This server has not counted the upload. What it has counted for the tenant stays.
TEST(UploadEnd, ThatCameThroughAnotherServerTakeNothingElseAway) {
  World world;
  World replica(world);
  testing::set_quota(world, "1Mi");
  testing::set_quota(replica, "1Mi");
  const auto used = [](World& of) { return of.get("/api/v1/usage").json()["bytes_used"]; };
  TusClient mine(replica);
  mine.upload(std::string(5'000, 'x'));
  TusClient tus(world);
  tus.upload(std::string(4'000, 'x'), kCsv);
  TusClient used_up(world);
  used_up.upload(std::string(3'000, 'x'), kCsv);
  EXPECT_EQ(tus.on(replica).remove().status, 204);
  EXPECT_EQ(used(replica), 5'000);
  EXPECT_EQ(used(world), 7'000) << "until it is measured";
  EXPECT_EQ(replica.post_json("/api/v1/repository", R"({"upload_id":")" + used_up.id + "\"}").status, 201);
  EXPECT_EQ(used(replica), 8'000);
}

// A repository is made of it through another server. The file must not count twice until the next measurement.
TEST(UploadEnd, ThatWereMeasuredCountOnce) {
  World world;
  World replica(world);
  TusClient tus(world);
  tus.upload(std::string(700'000, 'x'), kCsv);
  for (World* each : {&world, &replica}) {
    const base::TimePoint now = base::SystemClock().now();
    each->clock.advance(now + std::chrono::minutes(10) - each->clock.now());
    auto client = std::make_shared<job::Client>(*each->clients.get("acme"));
    client->storage_quota = "1Mi";
    client->usage = job::SpaceUsage{.bytes = 700'000, .measured_at = now + std::chrono::minutes(5)};
    each->clients.put("acme", client);
  }
  const HttpReply made = replica.post_json("/api/v1/repository", R"({"upload_id":")" + tus.id + "\"}");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(replica.get("/api/v1/usage").json()["bytes_used"], 700'000);
}

// A chunked body does not say its length, so part of it has come when it turns out to be too long.
TEST(UploadEnd, ABodyThatIsLongerThanTheUploadSaysSo) {
  World world;
  TusClient tus(world);
  ASSERT_EQ(tus.create(10, kCsv).status, 201);
  const auto send = [&](std::uint64_t offset, const std::string& chunks) {
    http::testing::RawClient client(world.server->address());
    std::string head = tus.patch_head(offset, 0);
    const std::string length = "Content-Length: 0";
    head.replace(head.find(length), length.size(), "Transfer-Encoding: chunked");
    EXPECT_TRUE(client.send(head + chunks));
    return client.read_reply();
  };
  const std::string refused = send(0, "6\r\nabcdef\r\n6\r\nghijkl\r\n0\r\n\r\n");
  EXPECT_EQ(http::testing::status_of(refused), 413);
  EXPECT_EQ(http::testing::body_of(refused),
            R"({"error":"Payload too large","detail":"the upload lacks 10 bytes, by its Upload-Length; send no more. )"
            R"(Bytes of this request may be kept. Remedy: ask for the Upload-Offset with HEAD"})");
  const std::uint64_t offset = std::stoull(tus.head().header("Upload-Offset"));
  EXPECT_LE(offset, 6U);
  EXPECT_EQ(tus.patch(offset, std::string("abcdefghij").substr(offset)).header("Upload-Offset"), "10");
  EXPECT_EQ(http::testing::status_of(send(10, "0\r\n\r\n")), 204) << "nothing more, as with Content-Length: 0";
}

// Each counts before and after it begins.
TEST(UploadEnd, ManyThatBeginAtOnceAreNoMoreThanMayBe) {
  World world(Limits{.max_uploads = 3});
  World replica(world);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 12; ++i) {
      threads.emplace_back([&, i] {
        const int status = TusClient(i % 2 == 0 ? world : replica).create(1).status;
        EXPECT_TRUE(status == 201 || status == 429) << status;
      });
    }
  }
  EXPECT_LE(artifacts::count_uploads(*world.volume, World::tenant()), 3U);
}

// By the clock of the file server, for which the test has to wait: Upload-Expires is a second away.
TEST(UploadEnd, AreGoneOnceTheyHaveExpired) {
  World world(Limits{.upload_expiry = std::chrono::seconds(1)});
  world.clock.advance(base::SystemClock().now() - world.clock.now());
  TusClient tus(world);
  ASSERT_EQ(tus.create(3, kCsv).status, 201);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (tus.head().status == 200 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_EQ(tus.head().status, 404);
  const HttpReply refused = tus.patch(0, "a,b");
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(refused.body,
            R"({"error":"Invalid upload_id","detail":"it has expired (Upload-Expires). Remedy: begin a new upload"})");
  EXPECT_EQ(world.post_json("/api/v1/job/execute", R"({"upload_id":")" + tus.id + "\"}").body, refused.body);
  EXPECT_EQ(tus.remove().status, 204) << "its room is free at once";
  EXPECT_EQ(tus.remove().status, 404);
}

TEST(UploadEnd, ExpireLaterWhenBytesCome) {
  World world;
  TusClient tus(world);
  const std::string first = tus.create(1'000'000).header("Upload-Expires");
  ASSERT_NE(first, "");
  std::string later = first;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (std::uint64_t sent = 0; later == first && std::chrono::steady_clock::now() < end; ++sent) {
    later = tus.patch(sent, "x").header("Upload-Expires");
  }
  EXPECT_NE(later, first);
  EXPECT_EQ(tus.head().header("Upload-Expires"), later) << "a look moves nothing, and tells the same";
}

// More bytes than 32 bits count. The file is made as large as if they had come.
TEST(TusUploads, GoOnBehindFourGiB) {
  constexpr std::uint64_t kHere = 5ULL << 30;
  World world;
  TusClient tus(world);
  ASSERT_EQ(tus.create(kHere + 4, kCsv).status, 201);
  ASSERT_EQ(tus.patch(0, "a").status, 204);
  const std::filesystem::path folder = world.root + "/tenants/acme/Tutorial/north/.uploads/" + tus.id;
  int found = 0;
  const std::vector<std::filesystem::directory_entry> entries(std::filesystem::directory_iterator(folder),
                                                              std::filesystem::directory_iterator{});
  for (const std::filesystem::directory_entry& entry : entries) {
    const std::string name = entry.path().filename();
    const std::string state = "state.1.";
    if (name.starts_with("data-")) {
      std::filesystem::resize_file(entry.path(), kHere);
      ++found;
    } else if (name.starts_with(state)) {
      std::filesystem::rename(entry.path(),
                              folder / ("state." + std::to_string(kHere) + "." + name.substr(state.size())));
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

}  // namespace
}  // namespace vbrain::api
