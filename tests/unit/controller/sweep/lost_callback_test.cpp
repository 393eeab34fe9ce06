// A Job that is made again from its folder where the definitions are older than the controller: the API server drops
// the field callbackURL and says nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "artifacts/records/job_file.hpp"
#include "artifacts/store/store.hpp"
#include "controller/sweep/sweeper.hpp"
#include "support/cpp/fake_api_server.hpp"
#include "support/cpp/manual_clock.hpp"
#include "support/cpp/temp_dir.hpp"

namespace vbrain::controller {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kUrl = "https://hooks.example.com/";
const std::string kId = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";
const std::string kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

class OldDefinitions final : public kube::Transport {
 public:
  explicit OldDefinitions(kube::Transport& server) : server_(server) {}

  kube::KubeResult<kube::Response> call(const kube::Request& request, std::stop_token stop) override {
    if (request.method != "POST") return server_.call(request, stop);
    kube::Request pruned = request;
    json body = json::parse(request.body);
    body["spec"].erase("callbackURL");
    pruned.body = body.dump();
    return server_.call(pruned, stop);
  }
  kube::KubeResult<void> stream(const kube::Request& request, const kube::StreamOptions& options, const ChunkSink& sink,
                                std::stop_token stop) override {
    return server_.stream(request, options, sink, stop);
  }

 private:
  kube::Transport& server_;
};

// What a scan logs that makes the Job of a folder, and that Job.
struct Recovery {
  std::string log;
  json job;
};
Recovery recover(bool old_definitions) {
  const artifacts::JobFile file = [] {
    artifacts::JobFile made;
    made.job_id = kId;
    made.tenant = {"acme", "Tutorial", "north"};
    made.created_by = "ana";
    made.callback_url = kUrl;
    made.traceparent = kTrace;
    return made;
  }();
  const vbrain::testing::TempDir folder;
  const artifacts::Store store(folder.path());
  vbrain::testing::FakeApiServer api;
  OldDefinitions pruning(api);
  kube::ApiClient client(old_definitions ? static_cast<kube::Transport&>(pruning) : api);
  kube::Cache<job::Job> jobs;
  base::Metrics metrics;
  vbrain::testing::ManualClock clock;
  // File times are the real clock's.
  clock.advance(base::SystemClock().now() - clock.now() + std::chrono::minutes(2));
  Sweeper sweeper({.store = store,
                   .client = client,
                   .jobs = jobs,
                   .metrics = metrics,
                   .clock = clock,
                   .namespace_name = "vbrain",
                   .may_write = [] { return true; },
                   .volume_time = [&]() -> std::optional<base::TimePoint> { return clock.now(); }},
                  {});
  EXPECT_TRUE(store.publish_job(file));
  ::testing::internal::CaptureStderr();
  EXPECT_TRUE(sweeper.scan({}));
  std::string log = ::testing::internal::GetCapturedStderr();
  return {std::move(log), api.object("/apis/vbrain.visagio.com/v1/namespaces/vbrain/jobs/" + file.job_id)};
}

TEST(RecoveredJob, WhoseReceiverIsLostIsLogged) {
  const Recovery lost = recover(true);
  EXPECT_THAT(lost.log, HasSubstr("the receiver of a job will not be told"));
  EXPECT_THAT(lost.log, HasSubstr("Remedy: the operator installs the definitions of this version"));
  const Recovery kept = recover(false);
  EXPECT_THAT(kept.log, Not(HasSubstr("will not be told")));
  EXPECT_EQ(kept.job["spec"]["callbackURL"], kUrl);
  const std::string in_line = R"(","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736")";
  EXPECT_THAT(lost.log, HasSubstr(R"("message":"Job resource recreated from its folder","job":")" + kId + in_line));
  EXPECT_THAT(lost.log, HasSubstr(R"("message":"the receiver of a job will not be told","job":")" + kId + in_line));
  EXPECT_EQ(kept.job["metadata"]["annotations"]["vbrain.visagio.com/traceparent"], kTrace)
      << "its later lines have the trace too";
}

}  // namespace
}  // namespace vbrain::controller
