// The store on a volume that behaves as NFS does, with two machines that have mounted it.
#include "support/cpp/network_volume.hpp"

#include <atomic>
#include <thread>

#include "artifacts/records/claim.hpp"
#include "artifacts/scans/store_sweep.hpp"
#include "artifacts/store/store.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {
namespace {

namespace fs = std::filesystem;
using vbrain::testing::count_below;
using vbrain::testing::kRemembersAll;
using vbrain::testing::read_file;
using vbrain::testing::write_file;

const Tenant kTenant{"acme", "Tutorial", "north"};

class NetworkStore : public vbrain::testing::NetworkVolume {
 protected:
  void SetUp() override {
    NetworkVolume::SetUp();
    if (IsSkipped()) return;
    here_.emplace(one_->path());
    there_.emplace(other_->path());
  }

  static JobFile job(const std::string& id, const std::string& repository = "") {
    JobFile file;
    file.job_id = id;
    file.tenant = kTenant;
    file.repository_id = repository;
    return file;
  }
  static std::string attempt(const std::string& file) { return layout::attempt(kTenant, "job-1", 1) + "/" + file; }
  // Whatever its age.
  static std::size_t sweep(const Store& store) {
    const auto unreadable = [](const std::string&, const VolumeError&) { return true; };
    const auto not_removed = [](const std::string&, const VolumeError&) {};
    const auto now = base::SystemClock().now() + std::chrono::hours(24);
    return sweep_rubbish(store, {.staged = now, .trashed = now}, unreadable, not_removed, {});
  }
  std::size_t left_in(const std::string& folder) const {
    const std::string path = server_ / folder;
    return fs::exists(path) ? count_below(path) : 0;
  }

  std::optional<Store> here_;   // of the server on this machine
  std::optional<Store> there_;  // of the server on the other one
};

TEST_F(NetworkStore, AJobThatIsBeingReadIsRemovedAndItsFilesFollow) {
  ASSERT_TRUE(here_->publish_job(job("job-1")));
  here_->create_attempt(kTenant, "job-1", 1);
  write_file(one(attempt("output.zip")), "PK");
  std::optional<OpenFile> reader = here_->open_output(kTenant, "job-1", 1);
  ASSERT_TRUE(reader);
  try {
    here_->remove_job(kTenant, "job-1", "");
  } catch (const VolumeError&) {
    // Allowed: the folder cannot be removed as long as somebody reads.
  }
  EXPECT_FALSE(here_->has_job(kTenant, "job-1"));
  EXPECT_FALSE(there_->has_job(kTenant, "job-1"));
  EXPECT_EQ(vbrain::testing::read_fd(reader->fd.get()), "PK") << "who reads reads on";
  sweep(*here_);
  EXPECT_GT(left_in(layout::trash(kTenant)), 0U);
  reader.reset();
  sweep(*here_);
  EXPECT_EQ(left_in(layout::trash(kTenant)), 0U);
}

TEST_F(NetworkStore, AnOpenFileKeepsNothingElseInTheTrash) {
  ASSERT_TRUE(here_->publish_job(job("job-1")));
  here_->create_attempt(kTenant, "job-1", 1);
  for (const char* name : {"logs/a.log", "logs/b.log", "output.zip", "work/x/y"})
    write_file(one(attempt(name)), "text");
  const int reader = open(one(attempt("logs/a.log")).c_str(), O_RDONLY);
  try {
    here_->remove_job(kTenant, "job-1", "");
  } catch (const VolumeError&) {
  }
  const std::string trash = server_ / layout::trash(kTenant);
  for (const auto& entry : fs::recursive_directory_iterator(trash)) {
    EXPECT_TRUE(entry.is_directory() || entry.path().filename().string().starts_with(".nfs")) << entry.path();
  }
  close(reader);
}

TEST_F(NetworkStore, AStagedFolderWithAnOpenFileIsSweptLater) {
  int writer = -1;
  {
    const Staging staging = here_->stage(kTenant);
    writer = openat(staging.folder().fd(), "upload", O_CREAT | O_WRONLY, 0660);
    ASSERT_GE(writer, 0);
  }
  EXPECT_GT(left_in(layout::staging(kTenant)), 0U) << "the file is open";
  close(writer);
  sweep(*here_);
  EXPECT_EQ(left_in(layout::staging(kTenant)), 0U);
}

// A machine that died with open files leaves their new names behind, open nowhere.
TEST_F(NetworkStore, NamesThatADeadMachineLeftAreSwept) {
  for (const std::string& folder : {layout::staging(kTenant), layout::trash(kTenant)}) {
    write_file(server_ / (folder + "/old/.nfs00000000000abcde00000001"), "text");
    write_file(server_ / (folder + "/.nfs00000000000abcde00000002"), "text");
  }
  sweep(*here_);
  EXPECT_EQ(left_in(layout::staging(kTenant)) + left_in(layout::trash(kTenant)), 0U);
}

TEST_F(NetworkStore, BusyFoldersAreRemovedLater) {
  ASSERT_TRUE(here_->publish_job(job("job-1")));
  here_->create_attempt(kTenant, "job-1", 1);
  one_->add("error=EBUSY rmdir */attempts/1");
  try {
    here_->remove_job(kTenant, "job-1", "");
  } catch (const VolumeError& error) {
    EXPECT_EQ(error.code().value(), EBUSY);
  }
  EXPECT_FALSE(here_->has_job(kTenant, "job-1"));
  one_->clear();
  sweep(*here_);
  EXPECT_EQ(left_in(layout::trash(kTenant)), 0U);
}

TEST_F(NetworkStore, OneOfTwoMachinesWinsAClaimWhateverTheyRemember) {
  ASSERT_TRUE(here_->publish_job(job("job-1")));
  for (int number = 1; number <= 20; ++number) {
    here_->create_attempt(kTenant, "job-1", number);
    for (const auto* mount : {&*one_, &*other_}) mount->command(kRemembersAll);
    EXPECT_FALSE(here_->read_claim(kTenant, "job-1", number));
    EXPECT_FALSE(there_->read_claim(kTenant, "job-1", number));
    std::atomic<int> won = 0;
    {
      std::vector<std::jthread> machines;
      for (const Store* store : {&*here_, &*there_}) {
        machines.emplace_back(
            [&, store] { won += store->close_attempt(kTenant, "job-1", number, base::TimePoint{}).won; });
      }
    }
    EXPECT_EQ(won, 1) << number;
  }
}

// No 404 for ever: a name that was missing a moment ago is found once the mount asks again.
TEST_F(NetworkStore, WhatTheOtherMachinePublishesAppears) {
  const std::string repository = here_->publish_repository(here_->stage(kTenant), {}, base::SystemClock().now());
  other_->command(kRemembersAll);
  EXPECT_TRUE(there_->has_repository(kTenant, repository));
  EXPECT_FALSE(there_->has_job(kTenant, "job-1"));
  ASSERT_TRUE(here_->publish_job(job("job-1", repository)));
  EXPECT_FALSE(there_->read_job(kTenant, "job-1")) << "remembered";
  other_->command("refresh");
  ASSERT_TRUE(there_->read_job(kTenant, "job-1"));
  EXPECT_EQ(there_->jobs_of(kTenant, repository), std::vector<std::string>{"job-1"});
}

// No 200 for what is gone: a name that is remembered leads to a file that the server does not have any more.
TEST_F(NetworkStore, WhatTheOtherMachineRemovesIsGoneAtTheFirstRead) {
  ASSERT_TRUE(here_->publish_job(job("job-1")));
  here_->create_attempt(kTenant, "job-1", 1);
  write_file(one(attempt("result.json")), "200");
  other_->command(kRemembersAll);
  ASSERT_TRUE(there_->open_result(kTenant, "job-1", 1));
  here_->remove_job(kTenant, "job-1", "");
  EXPECT_FALSE(there_->open_result(kTenant, "job-1", 1));
  EXPECT_FALSE(there_->read_job(kTenant, "job-1"));
}

// A record is replaced by a rename: the other machine reads the old or the new one, never a mixture or nothing.
TEST_F(NetworkStore, ARecordThatIsReplacedIsReadWhole) {
  ASSERT_TRUE(here_->publish_job(job("job-1")));
  here_->write_status(kTenant, "job-1", {{"status", std::string(3000, 'a')}});
  other_->command(kRemembersAll);
  ASSERT_TRUE(there_->read_status(kTenant, "job-1"));
  here_->write_status(kTenant, "job-1", {{"status", std::string(9000, 'b')}});
  const auto read = there_->read_status(kTenant, "job-1");
  ASSERT_TRUE(read);
  const std::string text = (*read)["status"];
  EXPECT_TRUE(text == std::string(3000, 'a') || text == std::string(9000, 'b')) << text.size();
}

TEST_F(NetworkStore, AFolderThatIsKeptOpenAndReplacedIsAnErrorOfTheVolume) {
  write_file(one("tenants/x"), "text");
  const Dir kept = here_->root().at("tenants");
  fs::remove_all(other("tenants"));
  fs::create_directory(other("tenants"));
  try {
    kept.make_new("folder");
    ADD_FAILURE() << "made a folder where nobody finds it";
  } catch (const VolumeError& error) {
    EXPECT_EQ(error.code().value(), ESTALE);
  }
  EXPECT_TRUE(here_->root().make_new("tenants/folder")) << "found anew by its path";
}

// The volume's root stays open for as long as the program runs.
TEST_F(NetworkStore, SaysThatTheRootOfTheVolumeWasReplaced) {
  fs::create_directory(one("root"));
  const Store store(one("root"));
  fs::remove_all(other("root"));
  fs::create_directory(other("root"));
  EXPECT_THROW(store.probe(), VolumeError);
}

TEST_F(NetworkStore, AWriteThatFailsWhenItIsClosedPublishesNothing) {
  for (const char* rule : {"error=EDQUOT flush *", "error=ENOSPC fsync *", "error=EIO write *"}) {
    const int number = one_->add(rule);
    EXPECT_THROW(here_->publish_job(job("job-1")), VolumeError) << rule;
    EXPECT_GT(one_->hits(number), 0) << rule;
    one_->clear();
    EXPECT_FALSE(here_->has_job(kTenant, "job-1")) << rule;
    sweep(*here_);
    EXPECT_EQ(left_in(layout::staging(kTenant)), 0U) << rule;
  }
}

TEST_F(NetworkStore, AFileThatGoesStaleOnceIsFoundAgain) {
  ASSERT_TRUE(here_->publish_job(job("job-1")));
  for (const char* operation : {"lookup", "getattr", "open"}) {
    const int rule = one_->add(std::string("error=ESTALE ") + operation + " */job.json times=1");
    EXPECT_TRUE(here_->read_job(kTenant, "job-1")) << operation;
    EXPECT_EQ(one_->hits(rule), 1) << operation;
  }
}

TEST_F(NetworkStore, OneTenantThatHangsHoldsUpNoOther) {
  Tenant quick = kTenant;
  quick.client = "south";
  ASSERT_TRUE(here_->publish_job(job("job-1")));
  JobFile file = job("job-2");
  file.tenant = quick;
  ASSERT_TRUE(here_->publish_job(file));
  one_->add("hang * */north/*");
  std::thread slow([&] { EXPECT_TRUE(here_->read_job(kTenant, "job-1")); });
  EXPECT_TRUE(one_->wait_for_hanging(1));
  EXPECT_TRUE(here_->read_job(quick, "job-2"));
  one_->clear();
  slow.join();
}

}  // namespace
}  // namespace vbrain::artifacts
