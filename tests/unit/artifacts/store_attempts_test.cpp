// Attempts' folders as applications leave them, read and removed with the users that programs have in a pod.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <filesystem>
#include <map>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/archive/left_out.hpp"
#include "artifacts/files/access.hpp"
#include "artifacts/store/store.hpp"
#include "support/cpp/pod_user.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using vbrain::testing::kOtherUser;
using vbrain::testing::mode_of;
using vbrain::testing::PodUser;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

const Tenant kTenant{"acme", "Tutorial", "north"};
const base::TimePoint kTime = *base::parse_rfc3339("2026-01-02T03:04:05Z");

class StoreAttempts : public ::testing::Test {
 protected:
  StoreAttempts() {
    if (PodUser::differs()) {
      EXPECT_EQ(chown(temp_.path().c_str(), vbrain::testing::kPodUser, vbrain::testing::kVolumeGroup), 0);
    }
    EXPECT_EQ(chmod(temp_.path().c_str(), 02770), 0);
    EXPECT_EQ(chmod(out_.path().c_str(), 0777), 0);
    const PodUser server;
    JobFile file;
    file.job_id = "job-1";
    file.tenant = kTenant;
    EXPECT_TRUE(store_.publish_job(file));
    store_.create_attempt(kTenant, "job-1", 1);
  }
  std::string at(const std::string& name = "") const {
    return temp_ / (layout::attempt(kTenant, "job-1", 1) + "/" + name);
  }
  // An action of an application, or of its runner, as `user`.
  void play(uid_t user, const std::function<void()>& act) {
    const PodUser application(user);
    act();
  }
  // The logs archive as an api-server makes it: contents by name.
  std::map<std::string, std::string> logs() {
    const PodUser server;
    const Fd zip(memfd_create("zip", 0));
    EXPECT_TRUE(store_.write_logs_zip(kTenant, "job-1", [&](std::string_view bytes) { write_all(zip.get(), bytes); }));
    const auto listing = inspect(zip.get());
    const Dir out = Dir::open(out_.path());
    EXPECT_TRUE(listing && extract(*listing, zip.get(), out));
    std::map<std::string, std::string> files;
    for (const auto& entry : listing->entries) files[entry.name] = out.read_file(entry.name, 1U << 20).value_or("none");
    for (const Dir::Entry& entry : out.list()) out.remove_tree(entry.name);
    return files;
  }

  TempDir temp_;
  TempDir out_;
  Store store_{temp_.path()};
};

TEST_F(StoreAttempts, LogsThatMayNotBeReadAreLeftOutAndNamed) {
  if (!PodUser::differs()) GTEST_SKIP() << "needs a second user";
  play(kOtherUser, [&] {
    write_file(at("logs/stdout.log"), "hello");
    write_file(at("logs/shut.log"), "x");
    write_file(at("logs/folder/f"), "x");
    write_file(at("logs/new\nline"), "x");
    fs::create_hard_link(at("logs/stdout.log"), at("logs/hard"));
    fs::create_hard_link(at("logs/shut.log"), at("logs/hard2"));
    fs::remove(at("logs/hard"));
    fs::create_symlink("/etc/passwd", at("logs/link"));
    ASSERT_EQ(mkfifo(at("logs/fifo").c_str(), 0666), 0);
    fs::permissions(at("logs/shut.log"), fs::perms::none);
    fs::permissions(at("logs/folder"), fs::perms::none);
  });
  EXPECT_THAT(logs(),
              UnorderedElementsAre(Pair("stdout.log", "hello"), Pair("left-out-by-server.txt",
                                                                     "The server has left these out of the logs:\n"
                                                                     "fifo: it is not a regular file\n"
                                                                     "folder/: Permission denied\n"
                                                                     "hard2: Permission denied\n"
                                                                     "link: it is not a regular file\n"
                                                                     "new line: its name cannot be in an archive\n"
                                                                     "shut.log: Permission denied\n")));
  play(kOtherUser, [&] { fs::permissions(at("logs/shut.log"), fs::perms::all); });
  EXPECT_THAT(logs()["left-out-by-server.txt"], HasSubstr("shut.log: it has a second name (a hard link)\n"));
}

// The runner was killed before it could restore anything.
TEST_F(StoreAttempts, RestoresRightsThatTheSameUserRemoved) {
  const PodUser user;
  const Claim mine{.by = Claim::By::kRunner, .pod_uid = "pod-1", .time = kTime};
  ASSERT_TRUE(take_claim(Dir::open(at()), mine).won);
  const Dir attempt = Dir::open(at());
  attempt.write_file_durably(layout::kManifest, encode_manifest({.outcome = {.kind = Outcome::Kind::kOk}}));
  attempt.write_file_durably(layout::kResult, "1");
  attempt.write_file_durably(layout::kOutput, "zip");
  write_file(at("logs/stdout.log"), "hello");
  write_file(at("logs/sub/f"), "f");
  const auto shut_all = [&](mode_t mode) {
    for (const char* name : {"", "logs", "logs/sub"}) ASSERT_EQ(chmod(at(name).c_str(), 02770), 0) << name;
    for (const char* name :
         {"logs/stdout.log", "logs/sub", "logs", "claim", "manifest.json", "result.json", "output.zip"}) {
      ASSERT_EQ(chmod(at(name).c_str(), mode & 0600), 0) << name;
    }
    ASSERT_EQ(chmod(at().c_str(), mode), 0);
  };
  for (const mode_t mode : {0U, 0500U, 0400U, 0200U, 0100U}) {
    shut_all(mode);
    EXPECT_EQ(store_.read_claim(kTenant, "job-1", 1)->pod_uid, "pod-1") << mode;
    shut_all(mode);
    EXPECT_EQ((*store_.read_manifest(kTenant, "job-1", 1))->outcome.kind, Outcome::Kind::kOk) << mode;
    shut_all(mode);
    EXPECT_EQ(store_.open_result(kTenant, "job-1", 1)->size, 1U) << mode;
    shut_all(mode);
    EXPECT_EQ(store_.open_output(kTenant, "job-1", 1)->size, 3U) << mode;
    shut_all(mode);
    EXPECT_EQ(store_.close_attempt(kTenant, "job-1", 1, kTime).owner.pod_uid, "pod-1") << mode;
    shut_all(mode);
    EXPECT_THAT(logs(), UnorderedElementsAre(Pair("stdout.log", "hello"), Pair("sub/f", "f"))) << mode;
  }
}

TEST_F(StoreAttempts, AnAttemptThatWasShutBeforeItWasClaimedCanBeClosed) {
  const PodUser user;
  ASSERT_EQ(chmod(at().c_str(), 0), 0);
  const auto closed = store_.close_attempt(kTenant, "job-1", 1, kTime);
  EXPECT_TRUE(closed.won);
  EXPECT_EQ(mode_of(at()), 02770U);
}

// Logs are written into a folder of the server's user, so an application with another user can't remove rights from it.
TEST_F(StoreAttempts, AnotherUserCannotShutTheFolderOfLogs) {
  if (!PodUser::differs()) GTEST_SKIP() << "needs a second user";
  play(kOtherUser, [&] {
    EXPECT_EQ(chmod(at("logs").c_str(), 0), -1);
    EXPECT_EQ(chmod(at().c_str(), 0), -1);
    write_file(at("logs/stdout.log"), "hello");
    ASSERT_EQ(chmod(at("logs/stdout.log").c_str(), 0), 0);
  });
  const PodUser server;
  EXPECT_TRUE(store_.remove_job(kTenant, "job-1", ""));
  EXPECT_TRUE(fs::is_empty(temp_ / layout::trash(kTenant))) << "so it can be removed whatever becomes of the runner";
}

TEST_F(StoreAttempts, AJobIsRemovedThoughSomeOfItsFilesCannotBe) {
  if (!PodUser::differs()) GTEST_SKIP() << "needs a second user";
  play(kOtherUser, [&] {
    write_file(at("shut/f"), "x");
    fs::permissions(at("shut"), fs::perms::none);
  });
  const PodUser server;
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(store_.remove_job(kTenant, "job-1", "")) << "the finalizer is dropped behind this";
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("attempts/1/shut: Permission denied"));
  EXPECT_FALSE(store_.has_job(kTenant, "job-1"));
  EXPECT_FALSE(fs::is_empty(temp_ / layout::trash(kTenant))) << "the sweeper tries again";
}

TEST_F(StoreAttempts, AnErrorThatMayPassFailsTheArchive) {
  write_file(at("logs/stdout.log"), "hello");
  EXPECT_THROW(store_.write_logs_zip(kTenant, "job-1", [](std::string_view) { throw VolumeError(ENOSPC, "write"); }),
               VolumeError);
}

TEST(LeftOutText, NamesAHundredAndCountsTheRest) {
  LeftOut none("Nobody");
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.first(), "");
  LeftOut many("The runner");
  for (int i = 0; i < 150; ++i) many.add("name\n" + std::to_string(i) + std::string(5'000, 'n'), "a reason");
  EXPECT_THAT(many.text(), ::testing::StartsWith("The runner has left these out of the logs:\nname 0nnn"));
  EXPECT_THAT(many.text(), HasSubstr("\nname 99nnn"));
  EXPECT_THAT(many.text(), ::testing::EndsWith("\nand 50 more\n"));
  EXPECT_LT(many.text().size(), 50'000U);
}

}  // namespace
}  // namespace vbrain::artifacts
