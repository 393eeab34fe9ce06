#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "integration/control_plane.hpp"
#include "job/job.hpp"
#include "job/names.hpp"
#include "kube/api/events.hpp"
#include "kube/cache/informer.hpp"

namespace vbrain::testing {
namespace {

using job::Job;
using kube::ErrorCode;
using nlohmann::json;

class JobResource : public ::testing::Test {
 protected:
  JobResource() { ControlPlane::shared().install_definition(client(), "job"); }

  kube::ApiClient& client() { return connection_.client(); }
  const std::string& ns() { return connection_.ns(); }

  json body(const std::string& id) {
    return {{"apiVersion", "vbrain.visagio.com/v1"},
            {"kind", "Job"},
            {"metadata", {{"name", id}, {"finalizers", {job::kFinalizer}}}},
            {"spec",
             {{"organizationId", "acme"},
              {"applicationId", "Tutorial"},
              {"clientId", "north"},
              {"repositoryId", "202009231629398695"},
              {"username", "ana"}}}};
  }
  std::string new_id() { return job::new_job_id(clock_.now()); }
  json status_body(const Job& job, const json& status) {
    json object = body(job.meta.name);
    object["metadata"]["resourceVersion"] = job.meta.resource_version;
    object["status"] = status;
    return object;
  }

  base::SystemClock clock_;
  Connection connection_;
};

TEST_F(JobResource, LivesFromCreateToTheLastFinalizer) {
  const std::string id = new_id();
  const auto created = client().create<Job>(ns(), body(id));
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(created->status.phase, job::Phase::kQueued) << "by the definition's default";
  EXPECT_TRUE(created->meta.has_finalizer(job::kFinalizer));

  const auto again = client().create<Job>(ns(), body(id));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);

  const auto started =
      client().replace_status<Job>(ns(), status_body(*created, {{"phase", "Started"}, {"attempts", 1}}));
  ASSERT_TRUE(started) << started.error().message;
  EXPECT_EQ(started->status.phase, job::Phase::kStarted);
  EXPECT_EQ(started->status.attempts, 1);
  EXPECT_EQ(started->meta.generation, created->meta.generation) << "a status is no new generation";

  const auto stale = client().replace_status<Job>(ns(), status_body(*created, {{"phase", "Failed"}, {"attempts", 1}}));
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, ErrorCode::kConflict);

  const auto wrong =
      client().remove(Job::kType, ns(), id, {.preconditions = {.uid = "00000000-0000-0000-0000-000000000000"}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::kConflict);
  const auto old = client().remove(
      Job::kType, ns(), id,
      {.preconditions = {.uid = created->meta.uid, .resource_version = created->meta.resource_version}});
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, ErrorCode::kConflict);
  ASSERT_TRUE(client().remove(Job::kType, ns(), id, {.preconditions = {.uid = created->meta.uid}}));

  const auto marked = client().get<Job>(ns(), id);
  ASSERT_TRUE(marked) << "the finalizer holds it";
  EXPECT_TRUE(marked->meta.deletion_timestamp);
  const json release = {{"metadata", {{"resourceVersion", marked->meta.resource_version}, {"finalizers", nullptr}}}};
  ASSERT_TRUE(client().patch(Job::kType, ns(), id, release));
  const auto gone = client().get<Job>(ns(), id);
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::kNotFound);
}

TEST_F(JobResource, ForbiddenFieldsAreInvalidAndNamed) {
  const std::string id = new_id();
  const auto created = client().create<Job>(ns(), body(id));
  ASSERT_TRUE(created) << created.error().message;
  const struct {
    const char* name;
    json patch;
    const char* field;
  } cases[] = {
      {"a changed client", {{"spec", {{"clientId", "south"}}}}, "spec.clientId"},
      {"a priority out of range", {{"spec", {{"priority", 5000}}}}, "spec.priority"},
  };
  for (const auto& c : cases) {
    const auto refused = client().patch(Job::kType, ns(), id, c.patch);
    ASSERT_FALSE(refused) << c.name;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalid) << c.name;
    ASSERT_FALSE(refused.error().causes.empty()) << c.name;
    EXPECT_EQ(refused.error().causes[0].field, c.field) << c.name;
  }
  EXPECT_TRUE(client().patch(Job::kType, ns(), id, {{"spec", {{"cancel", true}}}}));
}

TEST_F(JobResource, AnInformerSeesEachStep) {
  base::Metrics metrics;
  kube::Informer<Job> informer(connection_.transport(), ns(), "", metrics);
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> steps;
  informer.add_handler([&](const kube::Change<Job>& change) {
    const std::lock_guard lock(mutex);
    steps.emplace_back(change.now ? job::to_string(change.now->status.phase) : "gone");
    changed.notify_all();
  });
  informer.start();
  ASSERT_TRUE(informer.wait_synced(std::stop_source().get_token()));
  json object = body(new_id());
  object["metadata"].erase("finalizers");
  const auto created = client().create<Job>(ns(), object);
  ASSERT_TRUE(created);
  const auto started =
      client().replace_status<Job>(ns(), status_body(*created, {{"phase", "Started"}, {"attempts", 1}}));
  ASSERT_TRUE(started);
  ASSERT_TRUE(client().remove(Job::kType, ns(), created->meta.name));
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return steps.size() == 3; }));
  EXPECT_EQ(steps, (std::vector<std::string>{"Queued", "Started", "gone"}));
}

TEST_F(JobResource, EventsAreShownWithTheJob) {
  constexpr kube::ResourceType kEvents{"events.k8s.io", "v1", "events", "Event"};
  const auto created = client().create<Job>(ns(), body(new_id()));
  ASSERT_TRUE(created);
  base::Metrics metrics;
  {
    kube::EventOptions options;
    options.instance = "test";
    kube::EventRecorder recorder(client(), options, metrics, clock_);
    for (int i = 0; i < 2; ++i) {
      recorder.record(kube::reference_to(Job::kType, created->meta), kube::EventKind::kWarning, "Failed", "exit code 3",
                      "Finish");
    }
    recorder.flush();
  }
  const auto events = client().list(kEvents, ns());
  ASSERT_TRUE(events);
  ASSERT_EQ((*events)["items"].size(), 1u);
  const json& event = (*events)["items"][0];
  EXPECT_EQ(event["regarding"]["uid"], created->meta.uid);
  EXPECT_EQ(event["note"], "exit code 3");
  EXPECT_EQ(event["series"]["count"], 2);
}

}  // namespace
}  // namespace vbrain::testing
