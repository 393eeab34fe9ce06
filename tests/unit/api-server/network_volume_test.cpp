// The server on a volume that behaves like NFS, and two servers that have mounted the same volume.
#include "support/cpp/network_volume.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <vector>

#include "api-server/lists/id_lists.hpp"
#include "artifacts/uploads/upload_store.hpp"
#include "unit/api-server/uploads/tus_client.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using job::Phase;
using testing::HttpReply;
using ::testing::IsEmpty;
using testing::World;
using vbrain::testing::kRemembersAll;

class NetworkServer : public vbrain::testing::NetworkVolume {
 protected:
  void SetUp() override {
    NetworkVolume::SetUp();
    if (!IsSkipped()) here_ = std::make_unique<World>(one_->path());
  }

  // The server on the other machine. Its cache of Jobs is what the first one's is.
  std::unique_ptr<World> another_server() {
    auto there = std::make_unique<World>(*here_, other_->path());
    for (const std::string& name : here_->jobs.names()) there->jobs.put(name, here_->jobs.get(name));
    return there;
  }
  static std::string path_of(const std::string& job, const std::string& part = "") {
    return "/api/v1/job/" + job + part;
  }

  std::unique_ptr<World> here_;
};

TEST_F(NetworkServer, AnswersLeaveNothingInStaging) {
  const HttpReply made = here_->post("/api/v1/repository", testing::kMultipartType,
                                     testing::multipart({{"name=\"file\"; filename=\"x.csv\"", "a,b"}}));
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string repository = made.json()["repository_id"];
  const std::string job = here_->make_job(Phase::kFinished);
  EXPECT_EQ(here_->get("/api/v1/repository/" + repository + "/input").status, 200);
  EXPECT_EQ(here_->get(path_of(job, "/logs")).status, 200);
  EXPECT_EQ(here_->get(path_of(job, "/output")).status, 200);
  here_->finish_volume_work();
  EXPECT_THAT(here_->files(".staging"), IsEmpty());
}

TEST_F(NetworkServer, ARefusedUploadLeavesNothingInStaging) {
  const std::string body = testing::multipart(
      {{"name=\"file\"; filename=\"x.zip\"", "PK\x03\x04 is no archive"}, {"name=\"params\"", "{no json"}});
  EXPECT_EQ(here_->post("/api/v1/repository", testing::kMultipartType, body).status, 400);
  here_->finish_volume_work();
  EXPECT_THAT(here_->files(".staging"), IsEmpty());
}

TEST_F(NetworkServer, AFullVolumeIsSaidAndLeavesNothing) {
  for (const char* rule : {"error=ENOSPC write *", "error=EDQUOT flush *", "error=ENOSPC fsync *"}) {
    one_->add(rule);
    EXPECT_EQ(here_->post_json("/api/v1/repository", "{}").status, 507) << rule;
    one_->clear();
  }
  here_->finish_volume_work();
  EXPECT_THAT(here_->files(".staging"), IsEmpty());
  EXPECT_THAT(here_->files("repositories"), IsEmpty());
}

// The files of its repository are copied for its job, which may take many minutes. Then it counts as dead, and another
// request takes its upload.
TEST_F(NetworkServer, ARequestThatIsOvertakenWhileItCopiesPublishesNothing) {
  const HttpReply repository = here_->post("/api/v1/repository", testing::kMultipartType,
                                           testing::multipart({{"name=file; filename=old.csv", "1\n"}}));
  ASSERT_EQ(repository.status, 201) << repository.body;
  const std::string id = repository.json()["repository_id"];
  testing::TusClient tus(*here_);
  tus.upload("2\n", "filename bmV3LmNzdg==");
  one_->add("hang open */" + id + "/input/old.csv");
  auto slow = std::async(std::launch::async, [&] {
    return here_->post_json("/api/v1/job/execute", R"({"upload_id":")" + tus.id + "\"}", {{"repository_id", id}});
  });
  const bool copies = one_->wait_for_hanging(1);
  // As UploadUse::claim() of a server on the other machine does after so many minutes.
  const artifacts::Store there(other_->path());
  const auto upload = artifacts::open_upload(there, World::tenant(), tus.id).value();
  const auto claimed = upload.state().value();
  auto taken = claimed;
  taken.by = "another-1";
  const bool overtaken = upload.step(claimed, taken);
  one_->clear();
  const HttpReply reply = slow.get();
  ASSERT_TRUE(copies);
  ASSERT_EQ(claimed.kind, artifacts::UploadState::Kind::kUsing);
  ASSERT_TRUE(overtaken);
  EXPECT_EQ(reply.status, 409) << reply.body;
  EXPECT_EQ(reply.json()["error"], "Upload already used");
  EXPECT_EQ(here_->kube.count("POST"), 0u);
  here_->finish_volume_work();
  EXPECT_THAT(here_->files("jobs"), IsEmpty());
  EXPECT_THAT(here_->files(".staging"), IsEmpty());
  EXPECT_EQ(upload.state(), taken) << "the one that was overtaken must not free it";
}

// A name that this machine has looked up too early is found once its mount asks again.
TEST_F(NetworkServer, ObjectsOfTheOtherServerAreFoundInTheEnd) {
  const std::string first = here_->make_job(Phase::kFinished);
  const auto there = another_server();
  EXPECT_EQ(there->get(path_of(first, "/result")).status, 200);
  other_->command(kRemembersAll);
  const std::string job = here_->make_job(Phase::kFinished);
  EXPECT_EQ(there->get(path_of(job, "/result")).status, 202) << "the watch does not know it: a folder without a record";
  there->jobs.put(job, here_->jobs.get(job));
  EXPECT_NE(there->get(path_of(job, "/result")).status, 500) << "the mount still says that there is no such folder";
  other_->command("refresh");
  for (const std::string part : {"", "/result", "/params", "/output", "/logs"}) {
    const HttpReply reply = there->get(path_of(job, part));
    EXPECT_EQ(reply.status, 200) << part << reply.body;
    EXPECT_EQ(reply.body, here_->get(path_of(job, part)).body) << part;
  }
}

// As docs/operations.md has the volume mounted: names are asked for each time, attributes are not.
TEST_F(NetworkServer, ObjectsThatTheOtherServerDeletedAreGoneAtOnce) {
  const std::string job = here_->make_job(Phase::kFinished);
  const auto there = another_server();
  other_->command("memory attributes=3600000");
  for (const std::string part : {"", "/result", "/output"}) EXPECT_EQ(there->get(path_of(job, part)).status, 200);
  ASSERT_EQ(here_->remove(path_of(job)).status, 200);
  for (const std::string part : {"", "/result", "/params", "/output", "/logs"}) {
    EXPECT_EQ(there->get(path_of(job, part)).status, 404) << part;
  }
}

TEST_F(NetworkServer, AnAnswerThatGoesStaleOnceIsGivenAllTheSame) {
  const std::string job = here_->make_job(Phase::kFinished);
  for (const char* operation : {"lookup", "getattr", "open"}) {
    const int rule = one_->add(std::string("error=ESTALE ") + operation + " */result.json times=1");
    EXPECT_EQ(here_->get(path_of(job, "/result")).status, 200) << operation;
    EXPECT_EQ(one_->hits(rule), 1) << operation;
  }
}

TEST_F(NetworkServer, AVolumeThatFailsIsUnavailableAndNotAbsent) {
  const std::string job = here_->make_job(Phase::kFinished);
  for (const char* error : {"EIO", "ESTALE", "ETIMEDOUT", "EBUSY"}) {
    one_->add(std::string("error=") + error + " open */result.json");
    const HttpReply reply = here_->get(path_of(job, "/result"));
    EXPECT_EQ(reply.status, 503) << error;
    EXPECT_NE(reply.header("Retry-After"), "") << error;
    one_->clear();
    EXPECT_EQ(here_->get(path_of(job, "/result")).status, 200) << error;
  }
}

TEST_F(NetworkServer, AReadThatHangsHoldsUpNoOther) {
  const std::string slow = here_->make_job(Phase::kFinished);
  const std::string quick = here_->make_job(Phase::kFinished);
  one_->add("hang * */" + slow + "/*");
  auto hanging = std::async(std::launch::async, [&] { return here_->get(path_of(slow, "/output")); });
  ASSERT_TRUE(one_->wait_for_hanging(1));
  for (const std::string part : {"", "/result", "/output", "/logs"}) {
    EXPECT_EQ(here_->get(path_of(quick, part)).status, 200) << part;
  }
  EXPECT_EQ(here_->get("/api/v1/repository").status, 200);
  one_->clear();
  EXPECT_EQ(hanging.get().status, 200);
}

TEST_F(NetworkServer, ACloseThatHangsHoldsUpNoOther) {
  const std::string slow = here_->make_job(Phase::kFinished);
  const std::string quick = here_->make_job(Phase::kFinished);
  // Larger than what is read at once and closed before the answer.
  here_->write_attempt(slow, 1, "output.zip", std::string(100'000, 'x'));
  job::JobStatus status = here_->jobs.get(slow)->status;
  status.artifacts = job::Artifacts{.output_bytes = 100'000, .output_sha256 = "-", .log_bytes = 0, .result_bytes = 3};
  here_->set_status(slow, status);
  one_->add("hang flush */" + slow + "/*/output.zip");
  EXPECT_EQ(here_->get(path_of(slow, "/output")).status, 200);
  ASSERT_TRUE(one_->wait_for_hanging(1));
  for (const std::string part : {"", "/result", "/output", "/logs"}) {
    EXPECT_EQ(here_->get(path_of(quick, part)).status, 200) << part;
  }
  one_->clear();
}

// More requests than threads, each for another object, and a list that the file server takes its time for.
TEST_F(NetworkServer, RequestsThatWaitForALongListLeaveRoomForOtherTenants) {
  const std::string job = here_->make_job(Phase::kFinished);
  const std::string of_eve = here_->make_job(Phase::kFinished, "eve");
  const std::string repository = here_->jobs.get(job)->spec.repository_id;
  const std::string markers = artifacts::layout::markers(World::tenant(), repository);
  std::size_t jobs = 1;
  for (; jobs <= IdLists::kShortNames; ++jobs) {
    const std::string id = "made-" + std::to_string(jobs);
    std::filesystem::create_directories(server_.path() + "/" + artifacts::layout::job(World::tenant(), id));
    std::ofstream(server_.path() + "/" + markers + "/" + id);
  }
  one_->command("refresh");
  EXPECT_EQ(here_->get(path_of(job)).json()["jobs"].size(), jobs);
  one_->add("hang opendir */" + repository + "/jobs");
  std::vector<std::future<HttpReply>> waiting;
  for (int i = 0; i < 6; ++i) {
    const std::string path = path_of(job, "?_=" + std::to_string(i));
    waiting.push_back(std::async(std::launch::async, [this, path] { return here_->get(path); }));
  }
  ASSERT_TRUE(one_->wait_for_hanging(1));
  auto other =
      std::async(std::launch::async, [&] { return here_->call("GET", path_of(of_eve), World::identity("eve")); });
  EXPECT_EQ(other.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  for (const auto& reply : waiting) EXPECT_NE(reply.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  one_->clear();
  EXPECT_EQ(other.get().status, 200);
  for (auto& reply : waiting) EXPECT_EQ(reply.get().json()["jobs"].size(), jobs);
}

// More archives than threads for them, from a file server that takes its time.
TEST_F(NetworkServer, ArchivesOfOneTenantLeaveAThreadForAnother) {
  const std::string job = here_->make_job(Phase::kFinished);
  const std::string of_eve = here_->make_job(Phase::kFinished, "eve");
  one_->add("hang open */" + job + "/attempts/1/logs/*");
  std::vector<std::future<HttpReply>> waiting;
  for (int i = 0; i < World::kBulkWorkers + 1; ++i) {
    waiting.push_back(std::async(std::launch::async, [&] { return here_->get(path_of(job, "/logs")); }));
  }
  ASSERT_TRUE(one_->wait_for_hanging(1));
  const std::string upload = testing::multipart({{"name=file; filename=x.csv", "a,b"}});
  testing::Headers eve = World::identity("eve");
  eve.emplace_back("Content-Type", testing::kMultipartType);
  auto archive = std::async(std::launch::async,
                            [&] { return here_->call("GET", path_of(of_eve, "/logs"), World::identity("eve")); });
  EXPECT_EQ(archive.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  auto made = std::async(std::launch::async, [&] { return here_->call("POST", "/api/v1/repository", eve, upload); });
  EXPECT_EQ(made.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  for (const auto& reply : waiting) EXPECT_NE(reply.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  one_->clear();
  EXPECT_EQ(archive.get().status, 200);
  EXPECT_EQ(made.get().status, 201);
  for (auto& reply : waiting) EXPECT_EQ(reply.get().status, 200);
}

TEST_F(NetworkServer, ADeletionWhileSomebodyReadsIsAnsweredAndFollows) {
  const std::string job = here_->make_job(Phase::kFinished);
  const int reader = open((here_->job_folder(job) + "/attempts/1/output.zip").c_str(), O_RDONLY);
  ASSERT_GE(reader, 0);
  EXPECT_EQ(here_->remove(path_of(job)).status, 200);
  EXPECT_EQ(here_->get(path_of(job, "/output")).status, 404);
  EXPECT_EQ(vbrain::testing::read_fd(reader), "PK..");
  close(reader);
}

}  // namespace
}  // namespace vbrain::api
