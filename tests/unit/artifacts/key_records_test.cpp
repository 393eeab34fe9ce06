// The records of Idempotency-Keys on the volume.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "artifacts/records/job_file.hpp"
#include "artifacts/submit/key_records.hpp"
#include "base/time/clock.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::artifacts {
namespace {

using vbrain::testing::TempDir;

const Tenant kNorth{"acme", "Tutorial", "north"};
const Tenant kSouth{"acme", "Tutorial", "south"};
const std::string kName = key_record_name("a key");
const std::string kId = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";

KeyRecord a_record() {
  return {.request = std::string(64, 'a'), .id = kId, .answer = R"({"message":"Job created"})"};
}

// Both ways to store a record: a link where the file system has an ordered journal, and a file.
class KeyRecords : public ::testing::TestWithParam<bool> {
 protected:
  std::string path(const std::string& name) const {
    return folder_.path() + "/tenants/acme/Tutorial/north/.keys/" + name;
  }
  TempDir folder_;
  Store store_{folder_.path(), GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Journal, KeyRecords, ::testing::Bool());

TEST(KeyRecord, SurvivesItsText) {
  KeyRecord record = a_record();
  EXPECT_EQ(decode_key_record(encode(record)).value(), record);
  record.repository_id = "202009131226401234";
  record.jobs = {kId, "b"};
  record.answer = "{\"notes\":[\"\xc3\xa9 \\\" \\n\"]}";
  EXPECT_EQ(decode_key_record(encode(record)).value(), record);
}

TEST(KeyRecord, RefusesWhatNoServerWrites) {
  const std::string good = encode(a_record());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("[]"), good.substr(0, 20), with("\"format\":1", "\"format\":2"),
        with("aaaa\"", "AAAA\""), with(kId, "../x"), with(kId, ""), with(R"("id")", R"("repository_id":"1","id")"),
        with(R"("id")", R"("jobs":["/"],"id")"), with(R"("id")", R"("jobs":1,"id")")}) {
    EXPECT_FALSE(decode_key_record(text)) << text;
  }
}

TEST_P(KeyRecords, TheFirstClaimWins) {
  EXPECT_FALSE(find_key(store_, kNorth, kName));
  EXPECT_TRUE(claim_key(store_, kNorth, kName, a_record()));
  KeyRecord other = a_record();
  other.id = "another";
  EXPECT_FALSE(claim_key(store_, kNorth, kName, other));
  const auto found = find_key(store_, kNorth, kName);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->record, a_record());
  EXPECT_FALSE(found->done);
  EXPECT_FALSE(find_key(store_, kSouth, kName)) << "another tenant";
  struct stat record {};
  ASSERT_EQ(lstat(path(kName).c_str(), &record), 0);
  EXPECT_EQ(S_ISLNK(record.st_mode), GetParam());
}

TEST_P(KeyRecords, OfManyClaimsAtOnceExactlyOneWins) {
  std::atomic<int> won{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        KeyRecord record = a_record();
        record.id = "job-" + std::to_string(i);
        if (claim_key(store_, kNorth, kName, record)) ++won;
      });
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_TRUE(find_key(store_, kNorth, kName));
}

TEST_P(KeyRecords, TheMarkIsThatOfTheId) {
  mark_key_done(store_, kNorth, kId);  // no key yet: nothing happens
  EXPECT_FALSE(std::filesystem::exists(path("done-" + kId)));
  EXPECT_TRUE(claim_key(store_, kNorth, kName, a_record()));
  mark_key_done(store_, kNorth, "another");
  EXPECT_FALSE(find_key(store_, kNorth, kName)->done);
  mark_key_done(store_, kNorth, kId);
  mark_key_done(store_, kNorth, kId);
  EXPECT_TRUE(find_key(store_, kNorth, kName)->done);
  EXPECT_TRUE(has_key_mark(store_, kNorth, kId));
  EXPECT_EQ(count_keys(store_, kNorth), 1u) << "marks do not count";
  EXPECT_EQ(count_keys(store_, kSouth), 0u);
}

// A deletion says more than that the work was done.
TEST_P(KeyRecords, ADeletionHasAMarkOfItsOwn) {
  mark_key_deleted(store_, kNorth, kId);  // no key yet: nothing happens
  EXPECT_TRUE(claim_key(store_, kNorth, kName, a_record()));
  EXPECT_FALSE(has_deletion_mark(store_, kNorth, kId));
  mark_key_done(store_, kNorth, kId);
  EXPECT_FALSE(has_deletion_mark(store_, kNorth, kId));
  mark_key_deleted(store_, kNorth, kId);
  EXPECT_TRUE(has_deletion_mark(store_, kNorth, kId));
  mark_key_deleted(store_, kNorth, "another");
  EXPECT_TRUE(has_deletion_mark(store_, kNorth, "another"));
  EXPECT_TRUE(has_key_mark(store_, kNorth, "another"));
  EXPECT_EQ(count_keys(store_, kNorth), 1u) << "marks do not count";
}

TEST_P(KeyRecords, WhatARecordNamesMayBePublished) {
  const std::string repository = store_.publish_repository(store_.stage(kNorth), {}, base::SystemClock().now());
  JobFile job;
  job.job_id = kId;
  job.tenant = kNorth;
  job.repository_id = repository;
  KeyRecord record = a_record();
  EXPECT_FALSE(has_published(store_, kNorth, record));
  ASSERT_TRUE(store_.publish_job(job));
  EXPECT_TRUE(has_published(store_, kNorth, record));
  record.repository_id = "202009131226401234";
  EXPECT_FALSE(has_published(store_, kNorth, record)) << "it comes first, and takes the space";
  record.repository_id = repository;
  EXPECT_TRUE(has_published(store_, kNorth, record));
  record.repository_id.clear();
  record.id = repository;
  EXPECT_TRUE(has_published(store_, kNorth, record));
  record.jobs = {"absent"};
  EXPECT_FALSE(has_published(store_, kNorth, record));
  record.jobs = {kId};
  EXPECT_TRUE(has_published(store_, kNorth, record));
  EXPECT_FALSE(has_published(store_, kSouth, record));
}

TEST_P(KeyRecords, ALongRecordIsAFile) {
  KeyRecord record = a_record();
  for (int i = 0; i < 1'000; ++i) record.jobs.push_back(kId);
  record.answer = std::string(40'000, 'x');
  EXPECT_TRUE(claim_key(store_, kNorth, kName, record));
  EXPECT_FALSE(claim_key(store_, kNorth, kName, a_record()));
  EXPECT_EQ(find_key(store_, kNorth, kName)->record, record);
  EXPECT_TRUE(std::filesystem::is_regular_file(path(kName)));
}

TEST_P(KeyRecords, ADamagedOneIsAnErrorAndNotAnAbsence) {
  EXPECT_TRUE(claim_key(store_, kNorth, kName, a_record()));
  std::filesystem::remove(path(kName));
  std::ofstream(path(kName)) << "{";
  EXPECT_THROW(find_key(store_, kNorth, kName), CorruptFile);
}

TEST_P(KeyRecords, AreSweptByAge) {
  EXPECT_TRUE(claim_key(store_, kNorth, kName, a_record()));
  mark_key_done(store_, kNorth, kId);
  const auto unreadable = [](const std::string&, const VolumeError&) { return true; };
  const auto now = store_.probe().value();
  EXPECT_EQ(sweep_keys(store_, now - std::chrono::hours(1), unreadable, {}), 0u);
  EXPECT_TRUE(find_key(store_, kNorth, kName)->done);
  EXPECT_EQ(sweep_keys(store_, now + std::chrono::hours(1), unreadable, {}), 2u);
  EXPECT_FALSE(find_key(store_, kNorth, kName));
  EXPECT_TRUE(claim_key(store_, kNorth, kName, a_record()));
  EXPECT_FALSE(find_key(store_, kNorth, kName)->done);
}

TEST_P(KeyRecords, GoWithTheirTenant) {
  store_.publish_repository(store_.stage(kNorth), {}, base::SystemClock().now());
  EXPECT_TRUE(claim_key(store_, kNorth, kName, a_record()));
  const auto folders = store_.tenant_folders(kNorth);
  for (const std::string& name : store_.trash_tenant(kNorth, folders, [] { return true; })) store_.purge(kNorth, name);
  store_.remove_empty_tenant(kNorth);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/tenants/acme/Tutorial/north"));
}

}  // namespace
}  // namespace vbrain::artifacts
