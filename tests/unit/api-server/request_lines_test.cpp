// The log lines that are written because of a request have its ids.
#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "support/cpp/network_volume.hpp"
#include "unit/api-server/live/event_reader.hpp"
#include "unit/api-server/uploads/tus_client.hpp"
#include "unit/api-server/world.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;
using testing::Headers;
using testing::HttpReply;
using testing::World;

constexpr const char* kExecute = "/api/v1/job/execute";
const std::string kTraceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const Headers kIds{{"X-Request-Id", "mine-1"}, {"traceparent", "00-" + kTraceId + "-00f067aa0ba902b7-01"}};

// That the log has a line with this message, and that every line has the ids of the request.
void expect_ids(const std::string& log, const std::string& message) {
  bool found = false;
  std::istringstream lines(log);
  for (std::string text; std::getline(lines, text);) {
    const json line = json::parse(text, nullptr, false);
    ASSERT_TRUE(line.is_object()) << text;
    EXPECT_EQ(line.value("request_id", ""), "mine-1") << text;
    EXPECT_EQ(line.value("trace_id", ""), kTraceId) << text;
    found = found || line["message"] == message;
  }
  EXPECT_TRUE(found) << message << '\n' << log;
}

// What is logged while `act` runs.
template <class F>
std::string log_of(const F& act) {
  ::testing::internal::CaptureStderr();
  act();
  return ::testing::internal::GetCapturedStderr();
}

kube::KubeResult<kube::Response> refusal() {
  return tl::unexpected(kube::Error{.code = kube::ErrorCode::kForbidden, .message = "no"});
}

Headers as_ana(const Headers& more = {}) {
  Headers all = World::identity("ana");
  all.insert(all.end(), kIds.begin(), kIds.end());
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

class RequestLines : public vbrain::testing::NetworkVolume {
 protected:
  void SetUp() override {
    NetworkVolume::SetUp();
    if (!IsSkipped()) world_ = std::make_unique<World>(one_->path());
  }

  HttpReply post(const std::string& path, const std::string& body, const Headers& more = {}) {
    Headers all = as_ana(more);
    all.emplace_back("Content-Type", "application/json");
    return world_->call("POST", path, all, body);
  }
  HttpReply execute(const std::string& body = "{}", const Headers& more = {}) { return post(kExecute, body, more); }

  // From now on the Kubernetes API does this when a Job is to be created.
  void when_created(const std::function<kube::KubeResult<kube::Response>(const kube::Request&)>& act) {
    world_->kube.answer = [this, act](const kube::Request& request) {
      return request.method == "POST" ? act(request) : world_->kube.serve(request);
    };
  }
  // From the moment on when a Job is created, the volume fails so.
  void when_created_fail(const std::string& rule) {
    when_created([this, rule](const kube::Request& request) {
      one_->add(rule);
      return world_->kube.serve(request);
    });
  }
  std::string new_repository() { return world_->post_json("/api/v1/repository", "{}").json().at("repository_id"); }
  // A body that makes a job of an upload.
  std::string with_upload() {
    testing::TusClient tus(*world_);
    tus.upload("a,b\n1,2\n", "filename bmV3LmNzdg==");
    return R"({"upload_id":")" + tus.id + "\"}";
  }
  // What is logged while `act` runs, and behind its answer.
  template <class F>
  std::string log_to_the_end_of(const F& act) {
    return log_of([&] {
      act();
      world_->finish_volume_work();
    });
  }

  std::unique_ptr<World> world_;
};

TEST_F(RequestLines, OfAJobThatIsNotCreated) {
  when_created([this](const kube::Request&) {
    one_->add("error=EIO create */deleted");
    return refusal();
  });
  const std::string log = log_of([&] { EXPECT_GE(execute().status, 400); });
  expect_ids(log, "a job whose request gets an error could not be removed; delete it if it appears");
  expect_ids(log, "Job not created");
}

TEST_F(RequestLines, OfAJobThatIsNotPublished) {
  const std::string repository = new_repository();
  one_->add("error=EIO fsync */job.json");
  one_->add("error=EIO unlink */repositories/" + repository + "/jobs/*");
  one_->add("error=EIO rmdir */.staging/*");
  const std::string log = log_to_the_end_of([&] {
    EXPECT_GE(execute("{}", {{"repository_id", repository}}).status, 500);
  });
  expect_ids(log, "an incomplete job or repository could not be removed from the volume");
  expect_ids(log, "staged folder not removed");
  expect_ids(log, "request failed");
}

TEST_F(RequestLines, OfAJobWhoseFateIsUnknown) {
  const std::string repository = new_repository();
  when_created_fail("error=EIO lookup,getattr */repositories/" + repository);
  expect_ids(log_of([&] {
               EXPECT_EQ(execute("{}", {{"repository_id", repository}}).status, 201);
             }),
             "the volume failed after a job was created; the job counts as not deleted");
}

TEST_F(RequestLines, OfAJobThatIsDeletedMeanwhile) {
  std::atomic<bool> created = false;
  world_->kube.answer = [&](const kube::Request& request) {
    if (created) return refusal();
    created = true;
    world_->volume->mark_deleted(World::tenant(), json::parse(request.body)["metadata"]["name"].get<std::string>());
    return world_->kube.serve(request);
  };
  expect_ids(log_of([&] { execute(); }),
             "the Job resource of a deleted job was not deleted; the controller's sweeper deletes it later");
}

TEST_F(RequestLines, OfABatch) {
  const std::string repository = new_repository();
  when_created([](const kube::Request&) { return refusal(); });
  const auto batch = [&] {
    return post("/api/v1/job/batch", R"({"params":[{},{}]})", {{"repository_id", repository}});
  };
  expect_ids(log_of([&] { EXPECT_EQ(batch().status, 201); }),
             "Jobs of a batch were not created now; the controller creates them later");
  one_->add("error=EIO fsyncdir */jobs");
  expect_ids(log_of([&] { EXPECT_EQ(batch().status, 503); }), "volume failed");
}

TEST_F(RequestLines, OfAKeyThatIsNotMarked) {
  when_created_fail("error=EIO create */.keys/done-*");
  expect_ids(log_of([&] {
               EXPECT_EQ(execute("{}", {{"Idempotency-Key", "k1"}}).status, 201);
             }),
             "a request with an Idempotency-Key was not marked as done; if its job or repository is deleted, a "
             "repetition makes it again");
}

TEST_F(RequestLines, OfAnUploadThatStaysTaken) {
  const std::string body = with_upload();
  when_created([this](const kube::Request&) {
    one_->add("error=EIO rename */.uploads/*");
    return refusal();
  });
  expect_ids(log_to_the_end_of([&] { EXPECT_GE(execute(body).status, 400); }),
             "an upload stays taken by a request that failed; it is free again after some minutes");
}

TEST_F(RequestLines, OfAnUploadThatIsNotRemoved) {
  const std::string body = with_upload();
  when_created_fail("error=EIO create */.uploads/.used/*");
  expect_ids(log_of([&] { EXPECT_EQ(execute(body).status, 201); }),
             "an upload that was used could not be removed; it is removed when it expires");
}

TEST_F(RequestLines, OfFilesThatAreRemovedLater) {
  ASSERT_EQ(execute("{}", {{"Idempotency-Key", "k1"}}).status, 201) << "so that there are records of keys";
  const std::string job = world_->make_job(job::Phase::kFinished);
  world_->archive(job);
  one_->add("error=EIO create */.keys/gone-*");
  one_->add("error=EIO unlink */.trash/*");
  const std::string log =
      log_to_the_end_of([&] { EXPECT_EQ(world_->call("DELETE", "/api/v1/job/" + job, as_ana()).status, 200); });
  expect_ids(log, "deleted files were not removed yet; the controller's sweeper removes them later");
  expect_ids(log, "a deletion is not marked for requests with an Idempotency-Key");
}

TEST_F(RequestLines, OfADeletionThatFails) {
  const std::string job = world_->make_job(job::Phase::kStarted);
  one_->add("error=EIO create */deleted");
  expect_ids(log_of([&] { EXPECT_EQ(world_->call("DELETE", "/api/v1/job/" + job, as_ana()).status, 500); }),
             "volume failed");
}

// Requests that wait for the same read share it. Its line has the ids of one of them.
class UnreadableJob : public ::testing::Test {
 protected:
  UnreadableJob() {
    repository_ = world_.post_json("/api/v1/repository", "{}").json().at("repository_id");
    // No id of a REST server: its time is in its file.
    const artifacts::JobFile file{.job_id = "by-kubectl", .tenant = World::tenant(), .repository_id = repository_};
    EXPECT_TRUE(world_.volume->publish_job(file));
    std::ofstream(world_.job_folder(file.job_id) + "/job.json") << "no json";
    job_.meta.name = file.job_id;
    job_.meta.uid = "uid-1";
    job_.spec.organization_id = file.tenant.organization;
    job_.spec.application_id = file.tenant.application;
    job_.spec.client_id = file.tenant.client;
    job_.status.phase = job::Phase::kFinished;
    job_.status.completion_time = world_.clock.now();
  }

  World world_;
  std::string repository_;
  job::Job job_;
};

TEST_F(UnreadableJob, OfAListOrPage) {
  for (const std::string query : {"?from_date=202001010000", "?page_size=5&view=full"}) {
    const auto get = [&] {
      const HttpReply reply = world_.call("GET", "/api/v1/job" + query, as_ana({{"repository_id", repository_}}));
      EXPECT_EQ(reply.status, 200) << reply.body;
    };
    expect_ids(log_of(get), "unreadable file on the volume");
  }
}

TEST_F(UnreadableJob, OfAStream) {
  const auto show = [&] { world_.watch_says(job_.meta.name, std::make_shared<const job::Job>(job_)); };
  const std::string other = world_.make_job(job::Phase::kQueued);
  job::JobStatus started;
  started.phase = job::Phase::kStarted;
  const auto begin = [&] { return testing::EventReader(world_, "/api/v1/events", "", "ana", kIds); };
  expect_ids(log_of([&] {
               testing::EventReader reader = begin();
               EXPECT_EQ(reader.next().type, "state");
               show();
               world_.set_status(other, started);
               EXPECT_EQ(reader.next().data["job_id"], other) << "it comes after the unreadable one";
             }),
             "unreadable file on the volume");
  expect_ids(log_of([&] {
               testing::EventReader reader = begin();
               EXPECT_EQ(reader.next().type, "state");
             }),
             "unreadable file on the volume");
}

TEST(StreamLines, OfAKeyThatDoesNotPermitItAnyMore) {
  World world(std::chrono::milliseconds(20));
  testing::EventReader reader(world, "/api/v1/events", "", "ana", kIds);
  EXPECT_EQ(reader.next().type, "state");
  expect_ids(log_of([&] {
               auto client = std::make_shared<job::Client>(*world.clients.get("acme"));
               client->members.clear();
               world.clients.put("acme", client);
               EXPECT_TRUE(reader.ends());
             }),
             "a stream was ended because its key does not permit it any more");
}

}  // namespace
}  // namespace vbrain::api
