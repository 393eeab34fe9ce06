// Uploads on the volume: what was committed stays, whoever takes over, dies or comes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "artifacts/uploads/upload_store.hpp"
#include "base/log/log.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using vbrain::testing::TempDir;
using Kind = UploadState::Kind;
using Then = UploadWriter::Then;

const Tenant kNorth{"acme", "Tutorial", "north"};
const Tenant kSouth{"acme", "Tutorial", "south"};
const std::string kId = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";

UploadRecord a_record(std::uint64_t bytes = 1'000) {
  return {.bytes = bytes, .name = "input.zip", .created_by = "ana", .expiry = std::chrono::hours(24)};
}

class ResumableUploads : public ::testing::Test {
 protected:
  Upload make(std::uint64_t bytes = 1'000) {
    create_upload(store_, kNorth, kId, a_record(bytes));
    return open();
  }
  Upload open() const { return open_upload(store_, kNorth, kId).value(); }
  static UploadState state(const Upload& upload) { return upload.state().value(); }
  // All bytes up to the offset.
  static std::string content(const Upload& upload) {
    std::string all;
    upload.read(upload.parts(state(upload)), [&](std::string_view bytes) { all += bytes; });
    return all;
  }
  // One whole request.
  static void add(const Upload& upload, std::string_view bytes) {
    auto writer = upload.begin(state(upload)).value();
    writer.write(bytes);
    ASSERT_TRUE(writer.commit(Then::kEnd));
  }
  std::string path(const std::string& below = "") const {
    return folder_.path() + "/tenants/acme/Tutorial/north/.uploads" + below;
  }
  std::vector<std::string> names(const std::string& prefix) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(path("/" + kId))) {
      if (entry.path().filename().string().starts_with(prefix)) found.push_back(entry.path().filename());
    }
    return found;
  }

  TempDir folder_;
  Store store_{folder_.path()};
};

TEST_F(ResumableUploads, BeginEmptyAndGrowByRequests) {
  const Upload upload = make();
  EXPECT_EQ(upload.record(), a_record());
  EXPECT_EQ(state(upload).offset, 0u);
  EXPECT_EQ(content(upload), "");
  add(upload, "one ");
  add(upload, "two ");
  {
    Store other(folder_.path());
    add(open_upload(other, kNorth, kId).value(), "three");
  }
  EXPECT_EQ(content(upload), "one two three");
  EXPECT_EQ(state(upload).kind, Kind::kIdle);
  EXPECT_THAT(upload.parts(state(upload)), SizeIs(1)) << "requests that end well write to one file";
  EXPECT_THAT(names("data-"), SizeIs(1));
  EXPECT_THAT(names("state."), SizeIs(1));
}

TEST_F(ResumableUploads, AreOfOneTenant) {
  make();
  EXPECT_FALSE(open_upload(store_, kSouth, kId));
  EXPECT_FALSE(open_upload(store_, kNorth, "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5e"));
  for (const std::string id : {"", ".", "..", ".used", "a/b", "../jobs"}) EXPECT_FALSE(open_upload(store_, kNorth, id));
  EXPECT_EQ(count_uploads(store_, kNorth), 1u);
  EXPECT_EQ(count_uploads(store_, kSouth), 0u);
}

TEST_F(ResumableUploads, WhatWasNotCommittedIsNotThere) {
  const Upload upload = make();
  auto writer = upload.begin(state(upload)).value();
  writer.write("abc");
  ASSERT_TRUE(writer.commit(Then::kGoOn));
  writer.write("def");
  EXPECT_EQ(state(upload).offset, 3u);
  EXPECT_EQ(writer.durable(), 3u);
  EXPECT_EQ(writer.written(), 6u);
  EXPECT_EQ(content(upload), "abc");
}

TEST_F(ResumableUploads, ADroppedRequestLeavesTheOffset) {
  const Upload upload = make();
  add(upload, "abc");
  auto writer = upload.begin(state(upload)).value();
  writer.write("a wrong checksum");
  ASSERT_TRUE(writer.drop());
  EXPECT_EQ(state(upload).offset, 3u);
  add(upload, "de");
  EXPECT_EQ(content(upload), "abcde");
}

// The writer has died, hangs, or is on a machine that nobody reaches.
TEST_F(ResumableUploads, AnotherRequestTakesOver) {
  const Upload upload = make();
  auto old = upload.begin(state(upload)).value();
  old.write("abc");
  ASSERT_TRUE(old.commit(Then::kGoOn));
  old.write("lost");
  EXPECT_EQ(state(upload).kind, Kind::kWriting);
  auto next = upload.begin(state(upload)).value();
  next.write("DEF");
  // The old one comes back to life.
  old.write("XXXXXXXXXX");
  EXPECT_FALSE(old.commit(Then::kGoOn));
  EXPECT_FALSE(old.commit(Then::kEnd));
  EXPECT_FALSE(old.drop());
  EXPECT_EQ(old.durable(), 3u);
  EXPECT_THROW(old.write("Y"), VolumeError);
  ASSERT_TRUE(next.commit(Then::kEnd));
  EXPECT_EQ(content(upload), "abcDEF");
  EXPECT_THAT(names("data-"), SizeIs(1)) << "small parts are copied, so that there are few";
}

TEST_F(ResumableUploads, ALargePartStaysWhereItIs) {
  const std::string large(33U << 20, 'a');
  const Upload upload = make(large.size() * 3);
  auto first = upload.begin(state(upload)).value();
  first.write(large);
  ASSERT_TRUE(first.commit(Then::kGoOn));
  auto second = upload.begin(state(upload)).value();
  second.write("b");
  ASSERT_TRUE(second.commit(Then::kGoOn));
  auto third = upload.begin(state(upload)).value();
  first.write("XXXX");
  second.write("XXXX");
  third.write("c");
  ASSERT_TRUE(third.commit(Then::kEnd));
  add(upload, "d");
  EXPECT_THAT(upload.parts(state(upload)), SizeIs(2));
  EXPECT_EQ(content(upload), large + "bcd");
  EXPECT_THAT(names("data-"), SizeIs(2));
  EXPECT_THAT(names("before-"), SizeIs(1));
}

TEST_F(ResumableUploads, OfTwoWhoSeeTheSameStateOneBegins) {
  const Upload upload = make();
  const UploadState seen = state(upload);
  const Upload other = open();
  auto one = upload.begin(seen);
  EXPECT_TRUE(one);
  EXPECT_FALSE(other.begin(seen));
  const UploadState writing = state(upload);
  EXPECT_TRUE(other.begin(writing));
  EXPECT_FALSE(upload.begin(writing)) << "it was taken over meanwhile";
  EXPECT_THAT(names("data-"), SizeIs(1)) << "who comes too late leaves nothing";
}

// Many requests at once, some of which stop in the middle. Each sends the bytes that belong to its offset; whatever
// happens between them, the bytes in front of the offset are the right ones, and the offset never goes back.
TEST_F(ResumableUploads, ManyWritersNeverSpoilAByte) {
  constexpr std::uint64_t kBytes = 3'000;
  const auto byte_at = [](std::uint64_t at) { return static_cast<char>('a' + at % 23); };
  make(kBytes);
  std::atomic<bool> wrong{false};
  const auto work = [&](unsigned seed) {
    Store store(folder_.path());
    const Upload upload = open_upload(store, kNorth, kId).value();
    unsigned random = seed;
    const auto draw = [&](unsigned below) { return (random = random * 1'103'515'245U + 12'345U) / 65'536U % below; };
    std::uint64_t last = 0;
    for (;;) {
      const UploadState seen = upload.state().value();
      if (seen.offset < last) wrong = true;
      last = seen.offset;
      if (seen.offset == kBytes) return;
      auto writer = upload.begin(seen);
      if (!writer) continue;
      for (unsigned piece = draw(4); piece < 4; ++piece) {
        const std::uint64_t size = std::min<std::uint64_t>(1 + draw(40), kBytes - writer->written());
        std::string bytes;
        for (std::uint64_t i = 0; i < size; ++i) bytes += byte_at(writer->written() + i);
        writer->write(bytes);
        if (draw(2) == 0 && !writer->commit(Then::kGoOn)) break;
      }
      const unsigned fate = draw(4);
      if (fate == 0) continue;  // it dies
      static_cast<void>(fate == 1 ? writer->drop() : writer->commit(Then::kEnd));
    }
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  }
  EXPECT_FALSE(wrong);
  std::string want;
  for (std::uint64_t at = 0; at < kBytes; ++at) want += byte_at(at);
  EXPECT_EQ(content(open()), want);
}

TEST_F(ResumableUploads, DeletedOnesAreGoneForWhoWrites) {
  const Upload upload = make();
  auto writer = upload.begin(state(upload)).value();
  writer.write("abc");
  const EndedUpload ended = end_upload(store_, kNorth, open());
  ASSERT_TRUE(ended.trashed);
  EXPECT_FALSE(open_upload(store_, kNorth, kId));
  EXPECT_FALSE(writer.commit(Then::kEnd));
  EXPECT_FALSE(upload.state());
  EXPECT_FALSE(was_upload_used(store_, kNorth, kId));
  store_.purge(kNorth, *ended.trashed);
  EXPECT_FALSE(upload.state());
  EXPECT_FALSE(end_upload(store_, kNorth, upload).trashed) << "twice";
}

TEST_F(ResumableUploads, OneThatIsBeingUsedCannotBeDeleted) {
  const Upload upload = make(0);
  UploadState used = state(upload);
  used.kind = Kind::kUsing;
  used.by = "x";
  ASSERT_TRUE(upload.step(state(upload), used));
  EXPECT_TRUE(end_upload(store_, kNorth, upload).in_use);
  EXPECT_TRUE(end_used_upload(store_, kNorth, upload));
  EXPECT_TRUE(was_upload_used(store_, kNorth, kId));
  EXPECT_FALSE(was_upload_used(store_, kSouth, kId));
  EXPECT_FALSE(end_used_upload(store_, kNorth, upload)) << "twice";
  EXPECT_EQ(count_uploads(store_, kNorth), 0u);
}

TEST_F(ResumableUploads, AreSweptWhenTheyHaveNotChangedForTheirTime) {
  const Upload upload = make();
  const auto unreadable = [](const std::string&, const VolumeError&) { return true; };
  const auto now = base::SystemClock().now();
  auto writer = upload.begin(state(upload)).value();
  writer.write("abc");
  EXPECT_EQ(sweep_uploads(store_, now + std::chrono::hours(23), now, unreadable, {}), 0u);
  EXPECT_TRUE(open_upload(store_, kNorth, kId));
  EXPECT_EQ(sweep_uploads(store_, now + std::chrono::hours(25), now, unreadable, {}), 1u);
  EXPECT_FALSE(open_upload(store_, kNorth, kId));
  EXPECT_FALSE(writer.commit(Then::kEnd)) << "a request that writes learns that it is gone";
  make(0);
  end_used_upload(store_, kNorth, open());
  EXPECT_EQ(sweep_uploads(store_, now, now - std::chrono::hours(1), unreadable, {}), 0u);
  EXPECT_EQ(sweep_uploads(store_, now, now + std::chrono::hours(1), unreadable, {}), 1u);
  EXPECT_FALSE(was_upload_used(store_, kNorth, kId));
}

TEST_F(ResumableUploads, GoWithTheirTenant) {
  make();
  const auto moved = store_.trash_tenant(kNorth, store_.tenant_folders(kNorth), [] { return true; });
  for (const std::string& name : moved) store_.purge(kNorth, name);
  EXPECT_FALSE(open_upload(store_, kNorth, kId));
  store_.remove_empty_tenant(kNorth);
  EXPECT_FALSE(fs::exists(folder_.path() + "/tenants/acme/Tutorial/north"));
}

TEST_F(ResumableUploads, CorruptOnesAreSaidToBeSo) {
  make();
  for (const std::string& name : names("state.")) fs::remove(path("/" + kId + "/" + name));
  EXPECT_THROW(static_cast<void>(open().state()), CorruptFile);
  vbrain::testing::write_file(path("/" + kId + "/upload.json"), "{");
  EXPECT_THROW(static_cast<void>(open_upload(store_, kNorth, kId)), CorruptFile);
}

}  // namespace
}  // namespace vbrain::artifacts
