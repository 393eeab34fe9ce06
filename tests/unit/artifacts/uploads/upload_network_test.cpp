// Uploads on a volume that behaves as NFS does, with two machines that have mounted it.
#include "artifacts/uploads/upload_store.hpp"
#include "support/cpp/network_volume.hpp"

namespace vbrain::artifacts {
namespace {

using Then = UploadWriter::Then;

const Tenant kTenant{"acme", "Tutorial", "north"};
const std::string kId = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";

class NetworkUploads : public vbrain::testing::NetworkVolume {
 protected:
  void SetUp() override {
    NetworkVolume::SetUp();
    if (IsSkipped()) return;
    here_.emplace(one_->path());
    there_.emplace(other_->path());
    create_upload(*here_, kTenant, kId, {.bytes = 100, .name = "a.csv", .expiry = std::chrono::hours(24)});
  }
  static Upload open(const Store& store) { return open_upload(store, kTenant, kId).value(); }
  static UploadState state(const Upload& upload) { return upload.state().value(); }
  static std::string content(const Upload& upload) {
    std::string all;
    upload.read(upload.parts(state(upload)), [&](std::string_view bytes) { all += bytes; });
    return all;
  }

  std::optional<Store> here_;
  std::optional<Store> there_;
};

TEST_F(NetworkUploads, AnotherMachineGoesOn) {
  const Upload here = open(*here_);
  const Upload there = open(*there_);
  auto first = here.begin(state(here)).value();
  first.write("one ");
  ASSERT_TRUE(first.commit(Then::kEnd));
  auto second = there.begin(state(there)).value();
  second.write("two ");
  ASSERT_TRUE(second.commit(Then::kEnd));
  EXPECT_EQ(content(here), "one two ");
}

// The file is open on the machine that is cut off, and removed on the other one.
TEST_F(NetworkUploads, AMachineThatIsCutOffIsOvertaken) {
  const Upload here = open(*here_);
  const Upload there = open(*there_);
  auto old = here.begin(state(here)).value();
  old.write("abc");
  ASSERT_TRUE(old.commit(Then::kGoOn));
  old.write("never");
  auto next = there.begin(state(there)).value();
  next.write("DEF");
  ASSERT_TRUE(next.commit(Then::kGoOn));
  // Whether it can still write to its file depends on the server. It can commit nothing.
  try {
    old.write(" comes");
    EXPECT_FALSE(old.commit(Then::kEnd));
  } catch (const VolumeError&) {
  }
  ASSERT_TRUE(next.commit(Then::kEnd));
  EXPECT_EQ(content(here), "abcDEF");
  EXPECT_EQ(content(there), "abcDEF");
}

// After a failed fsync nobody knows which of the bytes are on the disk.
TEST_F(NetworkUploads, AFailedSyncAcknowledgesNothing) {
  const Upload here = open(*here_);
  const Upload there = open(*there_);
  auto writer = here.begin(state(here)).value();
  writer.write("abc");
  ASSERT_TRUE(writer.commit(Then::kGoOn));
  writer.write("def");
  const int rule = one_->add("error=EIO fsync */data-*");
  EXPECT_THROW(writer.commit(Then::kEnd), VolumeError);
  EXPECT_GT(one_->hits(rule), 0);
  one_->clear();
  EXPECT_FALSE(writer.commit(Then::kEnd)) << "a second fsync would succeed";
  EXPECT_EQ(writer.durable(), 3u);
  EXPECT_EQ(state(there).offset, 3u);
  EXPECT_THROW(writer.write("x"), VolumeError);
  auto next = there.begin(state(there)).value();
  next.write("DEF");
  ASSERT_TRUE(next.commit(Then::kEnd));
  EXPECT_EQ(content(here), "abcDEF");
}

TEST_F(NetworkUploads, ADeletionElsewhereEndsARequest) {
  const Upload here = open(*here_);
  auto writer = here.begin(state(here)).value();
  writer.write("abc");
  const auto ended = end_upload(*there_, kTenant, open(*there_));
  ASSERT_TRUE(ended.trashed);
  EXPECT_FALSE(writer.commit(Then::kEnd));
  there_->purge(kTenant, *ended.trashed);
  EXPECT_FALSE(here.state());
  EXPECT_FALSE(open_upload(*here_, kTenant, kId));
}

}  // namespace
}  // namespace vbrain::artifacts
