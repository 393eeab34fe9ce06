#include "controller/volume/volume.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "artifacts/store/store.hpp"
#include "controller/runner_install.hpp"
#include "support/cpp/temp_dir.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using artifacts::Claim;
using nlohmann::json;
using testing::a_job;
using testing::at;
using vbrain::testing::read_file;
using vbrain::testing::TempDir;
using vbrain::testing::write_file;

class StoreVolumeTest : public ::testing::Test {
 protected:
  std::string publish_repository(bool with_file) {
    artifacts::Staging staging = store_.stage(tenant_of(a_job()));
    if (with_file) artifacts::sync_and_close(*staging.input().create_file("data.csv"));
    artifacts::RepositoryFile file;
    file.params = R"({"a":1,"b":2})";
    return store_.publish_repository(std::move(staging), file, at(0));
  }
  std::string folder(const job::Job& job) { return folder_ / artifacts::layout::job(tenant_of(job), job.meta.name); }

  TempDir folder_;
  artifacts::Store store_{folder_.path()};
  std::vector<std::string> discarded_;
  StoreVolume volume_{store_, "bin/1",
                      [this](const artifacts::Tenant&, const std::string& name) { discarded_.push_back(name); }};
};

TEST_F(StoreVolumeTest, AJobMadeWithKubectlGetsItsFolderFromItsSpec) {
  job::Job job = a_job();
  job.spec.repository_id.clear();
  job.spec.params = R"({"a":10})";
  job.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto prepared = volume_.prepare_attempt(job, 1, nullptr);
  ASSERT_TRUE(prepared);
  EXPECT_TRUE(prepared->published);
  EXPECT_EQ(prepared->paths.runner, "bin/1");
  EXPECT_EQ(prepared->paths.input, "") << "it has none";
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / prepared->paths.attempt));
  const json file = json::parse(read_file(folder_ / prepared->paths.job_file));
  EXPECT_EQ(file["params"], json({{"a", 10}}));
  EXPECT_EQ(file["created_by"], "ana");
  EXPECT_EQ(file["traceparent"], job.traceparent) << "of an annotation";
  const auto again = volume_.prepare_attempt(job, 1, nullptr);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->published);
}

TEST_F(StoreVolumeTest, AJobOfTheRestServerIsNeverRunFromAFolderOfTheController) {
  job::Job job = a_job();
  job.meta.labels.emplace(job::kOriginLabel, job::kOriginRest);
  const auto prepared = volume_.prepare_attempt(job, 1, nullptr);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().reason, "FolderMissing");
  EXPECT_FALSE(prepared.error().hopeless) << "a volume that lags shows it later";
  EXPECT_FALSE(std::filesystem::exists(folder(job)));
}

TEST_F(StoreVolumeTest, ItsParamsLieOverThoseOfItsRepository) {
  job::Job job = a_job();
  job.spec.repository_id = publish_repository(true);
  job.spec.params = R"({"b":7})";
  const auto prepared = volume_.prepare_attempt(job, 1, nullptr);
  ASSERT_TRUE(prepared);
  EXPECT_EQ(prepared->paths.input, artifacts::layout::repository_input(tenant_of(job), job.spec.repository_id));
  EXPECT_EQ(json::parse(read_file(folder_ / prepared->paths.job_file))["params"], json({{"a", 1}, {"b", 7}}));
}

TEST_F(StoreVolumeTest, AJobsOwnInputComesFirst) {
  job::Job job = a_job();
  job.spec.repository_id = publish_repository(true);
  artifacts::Staging staging = store_.stage(tenant_of(job));
  artifacts::sync_and_close(*staging.input().create_file("mine.csv"));
  artifacts::JobFile file;
  file.job_id = job.meta.name;
  file.tenant = tenant_of(job);
  file.repository_id = job.spec.repository_id;
  file.input_from = artifacts::JobFile::InputFrom::kJob;
  ASSERT_TRUE(store_.publish_job(std::move(staging), file));
  const auto prepared = volume_.prepare_attempt(job, 1, nullptr);
  ASSERT_TRUE(prepared);
  EXPECT_FALSE(prepared->published);
  EXPECT_EQ(prepared->paths.input, artifacts::layout::job_input(tenant_of(job), job.meta.name));
}

TEST_F(StoreVolumeTest, RefusesJobsThatCanNeverRun) {
  struct Case {
    const char* want_reason;
    void (*spoil)(job::Job&);
  };
  const Case cases[] = {
      {"UnknownRepository", [](job::Job&) {}},
      {"InvalidSpec", [](job::Job& j) { j.spec.organization_id = "a\nb"; }},
      {"InvalidSpec", [](job::Job& j) { j.spec.client_id = ""; }},
      {"InvalidSpec", [](job::Job& j) { j.spec.repository_id = "../../x"; }},
      {"InvalidSpec", [](job::Job& j) { j.meta.name = ".."; }},
      {"InvalidSpec",
       [](job::Job& j) {
         j.spec.repository_id.clear();
         j.spec.params = "{\"a\":\"" + std::string(70'000, 'x') + "\"}";
       }},
      {"InvalidSpec",
       [](job::Job& j) {
         j.spec.repository_id.clear();
         j.spec.metadata = "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}";
       }},
  };
  for (const Case& c : cases) {
    job::Job job = a_job();
    c.spoil(job);
    const auto prepared = volume_.prepare_attempt(job, 1, nullptr);
    ASSERT_FALSE(prepared) << c.want_reason;
    EXPECT_EQ(prepared.error().reason, c.want_reason);
    EXPECT_TRUE(prepared.error().hopeless);
    // No other function fails because of such a job.
    EXPECT_EQ(volume_.close_attempt(job, 1, at(1)).by, Claim::By::kController);
    EXPECT_FALSE(volume_.read_attempt(job, 1).claim);
    EXPECT_NO_THROW(volume_.archive(job));
    EXPECT_NO_THROW(volume_.purge(job));
  }
}

TEST_F(StoreVolumeTest, TheParamsOfAJobMadeWithKubectlAreCompletedAndChecked) {
  job::Application application;
  application.params_schema =
      R"({"properties":{"a":{"type":"number"},"n":{"default":7}},"additionalProperties":false})";
  application.result_schema = R"({"type":"number"})";
  job::Job job = a_job();
  job.spec.repository_id = publish_repository(false);
  job.spec.params = R"({"a":1.10})";
  const auto wrong = volume_.prepare_attempt(job, 1, &application);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().reason, "InvalidParams");
  EXPECT_EQ(wrong.error().message,
            R"(the params do not match paramsSchema of the Application: /b: is not known; known: "a", "n")");
  EXPECT_TRUE(wrong.error().hopeless);
  EXPECT_FALSE(std::filesystem::exists(folder(job)));

  job.spec.repository_id.clear();
  ASSERT_TRUE(volume_.prepare_attempt(job, 1, &application));
  const auto file = store_.read_job(tenant_of(job), job.meta.name);
  EXPECT_EQ(file->params, R"({"a":1.10,"n":7})");
  EXPECT_EQ(file->unknown, R"({"result_schema":{"type":"number"}})");
  // What has begun goes on, whatever becomes of the schema.
  application.params_schema = R"({"minProperties":9})";
  EXPECT_TRUE(volume_.prepare_attempt(job, 1, &application));
}

TEST_F(StoreVolumeTest, WithASchemaThatCannotBeUsedNoJobOfKubectlBegins) {
  job::Application application;
  application.result_schema = R"({"type":"int"})";
  job::Job job = a_job();
  job.spec.repository_id.clear();
  const auto prepared = volume_.prepare_attempt(job, 1, &application);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().reason, "InvalidSchema");
  EXPECT_EQ(prepared.error().message.find("spec.resultSchema can't be used: /type must be "), 0U);
}

// Its client got an error, because the answer to the create was lost, but the job was created.
TEST_F(StoreVolumeTest, AJobMarkedDeletedIsNeverRun) {
  job::Job job = a_job();
  job.spec.repository_id.clear();
  artifacts::JobFile file;
  file.job_id = job.meta.name;
  file.tenant = tenant_of(job);
  ASSERT_TRUE(store_.publish_job(file));
  store_.mark_deleted(tenant_of(job), job.meta.name);
  const auto prepared = volume_.prepare_attempt(job, 1, nullptr);
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().reason, "Deleted");
  EXPECT_TRUE(prepared.error().hopeless);
}

TEST_F(StoreVolumeTest, TellsOfAnAttemptThatWasBegunBefore) {
  job::Job job = a_job();
  job.spec.repository_id.clear();
  ASSERT_TRUE(volume_.prepare_attempt(job, 1, nullptr));
  const auto attempt = store_.root().at(artifacts::layout::attempt(tenant_of(job), job.meta.name, 1));
  ASSERT_TRUE(artifacts::take_claim(attempt, {Claim::By::kRunner, "uid-1", at(1)}).won);
  const auto prepared = volume_.prepare_attempt(job, 1, nullptr);
  ASSERT_TRUE(prepared);
  ASSERT_TRUE(prepared->files.claim);
  EXPECT_EQ(prepared->files.claim->pod_uid, "uid-1");
  EXPECT_EQ(volume_.close_attempt(job, 1, at(2)).pod_uid, "uid-1") << "who was first stays";
  EXPECT_EQ(volume_.close_attempt(job, 2, at(2)).by, Claim::By::kController);
}

TEST_F(StoreVolumeTest, AJobOfAnOlderVersionGetsTheFolderOfItsFirstAttempt) {
  job::Job job = a_job();
  job.spec.repository_id.clear();
  ASSERT_TRUE(volume_.prepare_attempt(job, 1, nullptr));
  std::filesystem::remove_all(folder(job) + "/attempts");
  const auto prepared = volume_.prepare_attempt(job, 1, nullptr);
  ASSERT_TRUE(prepared);
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / (prepared->paths.attempt + "/logs")));
}

TEST_F(StoreVolumeTest, TellsOfAttemptsAndAnEndThatTheResourceDoesNotKnow) {
  job::Job job = a_job();
  job.spec.repository_id.clear();
  ASSERT_TRUE(volume_.prepare_attempt(job, 1, nullptr));
  store_.create_attempt(tenant_of(job), job.meta.name, 3);
  const auto further = volume_.prepare_attempt(job, 2, nullptr);
  ASSERT_TRUE(further);
  EXPECT_EQ(further->newest, 3);
  EXPECT_FALSE(std::filesystem::exists(folder(job) + "/attempts/2")) << "nothing is prepared";
  EXPECT_EQ(volume_.prepare_attempt(job, 3, nullptr)->newest, 0);

  job::Job ended = job;
  ended.status.phase = job::Phase::kFailed;
  ended.status.reason = "NonZeroExit";
  ended.status.attempts = 3;
  volume_.archive(ended);
  const auto over = volume_.prepare_attempt(job, 4, nullptr);
  ASSERT_TRUE(over);
  ASSERT_TRUE(over->record);
  EXPECT_EQ(over->record->reason, "NonZeroExit");
  EXPECT_EQ(over->record->attempts, 3);
  EXPECT_FALSE(std::filesystem::exists(folder(job) + "/attempts/4"));
}

TEST_F(StoreVolumeTest, ArchivesOnceAndRepairsARecordThatIsNone) {
  job::Job job = a_job();
  job.spec.repository_id.clear();
  job.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  ASSERT_TRUE(volume_.prepare_attempt(job, 1, nullptr));
  job.status.phase = job::Phase::kFinished;
  volume_.archive(job);
  const json record = json::parse(read_file(folder(job) + "/status.json"));
  EXPECT_EQ(record["metadata"]["uid"], testing::kJobUid);
  EXPECT_EQ(record["status"]["phase"], "Finished");
  EXPECT_EQ(record["format"], 1);
  std::filesystem::last_write_time(folder(job) + "/status.json", std::filesystem::file_time_type{});
  volume_.archive(job);
  EXPECT_EQ(std::filesystem::last_write_time(folder(job) + "/status.json"), std::filesystem::file_time_type{});
  write_file(folder(job) + "/status.json", "{half");
  ::testing::internal::CaptureStderr();
  volume_.archive(job);
  EXPECT_NE(::testing::internal::GetCapturedStderr().find(R"(","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736")"),
            std::string::npos);
  EXPECT_EQ(json::parse(read_file(folder(job) + "/status.json")), record);
}

job::Job ended_before_it_began(const char* reason) {
  job::Job job = a_job();
  job.spec.params = R"({"a":10})";
  job.status.phase = job::Phase::kFailed;
  job.status.reason = reason;
  return job;
}

TEST_F(StoreVolumeTest, AJobMadeWithKubectlThatNeverHadAFolderGetsItForItsRecord) {
  const job::Job job = ended_before_it_began("UnknownRepository");
  EXPECT_TRUE(volume_.archive(job));
  const auto file = store_.read_job(tenant_of(job), job.meta.name);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->repository_id, job.spec.repository_id) << "as it was asked for";
  EXPECT_EQ(file->params, R"({"a":10})");
  EXPECT_EQ(file->created_by, "ana");
  EXPECT_EQ(store_.read_status(tenant_of(job), job.meta.name)->at("status")["reason"], "UnknownRepository");
  EXPECT_FALSE(store_.has_repository(tenant_of(job), job.spec.repository_id)) << "none is made for it";
  EXPECT_FALSE(volume_.archive(job)) << "it is there";
  volume_.purge(job);
  EXPECT_FALSE(std::filesystem::exists(folder(job)));
}

TEST_F(StoreVolumeTest, ACancelledJobIsInTheIndexOfItsRepository) {
  job::Job job = ended_before_it_began("Cancelled");
  job.spec.repository_id = publish_repository(true);
  EXPECT_TRUE(volume_.archive(job));
  EXPECT_EQ(json::parse(store_.read_job(tenant_of(job), job.meta.name)->params), json({{"a", 10}, {"b", 2}}));
  EXPECT_EQ(store_.jobs_of(tenant_of(job), job.spec.repository_id), std::vector{job.meta.name});
}

TEST_F(StoreVolumeTest, ARecordLeavesOutInvalidFields) {
  for (const bool corrupt : {false, true}) {
    job::Job job = ended_before_it_began("InvalidSpec");
    job.meta.name = corrupt ? "with-a-spoilt-repository" : "without-repository";
    job.spec.params = "{\"a\":\"" + std::string(70'000, 'x') + "\"}";
    job.spec.metadata = "{\"a\":" + std::string(100, '[') + std::string(100, ']') + "}";
    job.spec.repository_id.clear();
    if (corrupt) {
      job.spec.repository_id = publish_repository(false);
      write_file(folder_ / artifacts::layout::repository_file(tenant_of(job), job.spec.repository_id), "{half");
    }
    EXPECT_TRUE(volume_.archive(job));
    EXPECT_EQ(store_.read_job(tenant_of(job), job.meta.name)->params, "{}");
    EXPECT_EQ(store_.read_job(tenant_of(job), job.meta.name)->metadata, "{}");
    EXPECT_TRUE(store_.read_status(tenant_of(job), job.meta.name));
  }
}

TEST_F(StoreVolumeTest, NoFolderIsMadeForAJobThatIsDeleted) {
  job::Job by_rest = ended_before_it_began("FolderMissing");
  by_rest.meta.labels.emplace(job::kOriginLabel, job::kOriginRest);
  job::Job deleted = ended_before_it_began("Cancelled");
  deleted.meta.deletion_timestamp = at(1);
  for (const job::Job& job : {by_rest, deleted}) {
    EXPECT_FALSE(volume_.archive(job));
    EXPECT_FALSE(std::filesystem::exists(folder(job)));
  }
}

TEST_F(StoreVolumeTest, PurgeLeavesNothingAndMayBeRepeated) {
  job::Job job = a_job();
  job.spec.repository_id = publish_repository(false);
  ASSERT_TRUE(volume_.prepare_attempt(job, 1, nullptr));
  volume_.purge(job);
  volume_.purge(job);
  EXPECT_FALSE(std::filesystem::exists(folder(job)));
  EXPECT_TRUE(store_.jobs_of(tenant_of(job), job.spec.repository_id)->empty());
}

TEST(RunnerInstall, AFoldersContentNeverChanges) {
  const TempDir volume;
  const TempDir source;
  const artifacts::Store store(volume.path());
  write_file(source / "runner", "first build");
  write_file(source / "lib/libz.so.1", "z");
  const std::string first = install_runner(store, source.path());
  EXPECT_EQ(install_runner(store, source.path()), first) << "nothing to do";
  write_file(source / "runner", "second build");
  const std::string second = install_runner(store, source.path());
  EXPECT_NE(first, second);
  EXPECT_EQ(read_file(volume / first + "/runner"), "first build") << "pods that run keep what they began with";
  EXPECT_EQ(read_file(volume / second + "/runner"), "second build");
  EXPECT_EQ(read_file(volume / second + "/lib/libz.so.1"), "z");
  EXPECT_TRUE(first.starts_with("bin/" VBRAIN_VERSION "-")) << first;
}

TEST(RunnerInstall, SaysWhenThereIsNoRunner) {
  const TempDir source;
  EXPECT_THROW(runner_version(source.path()), std::runtime_error);
  EXPECT_THROW(runner_version(source / "absent"), std::runtime_error);
}

}  // namespace
}  // namespace vbrain::controller
