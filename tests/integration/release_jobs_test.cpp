#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/log/log.hpp"
#include "controller/uninstall/release_jobs.hpp"
#include "integration/control_plane.hpp"
#include "job/job.hpp"
#include "job/names.hpp"

namespace vbrain::testing {
namespace {

using job::Job;
using nlohmann::json;

// Set VBRAIN_RELEASE_JOBS=100000 to measure a large namespace.
std::size_t number_of_jobs() {
  const char* text = std::getenv("VBRAIN_RELEASE_JOBS");
  return text == nullptr ? 700 : std::stoul(text);
}

class ReleaseJobs : public ::testing::Test {
 protected:
  ReleaseJobs() { ControlPlane::shared().install_definition(client(), "job"); }

  kube::ApiClient& client() { return connection_.client(); }
  const std::string& ns() { return connection_.ns(); }

  void make_jobs(std::size_t count) {
    ns();
    std::atomic<std::size_t> next{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 16; ++i) {
      threads.emplace_back([&] {
        job::JobSpec spec;
        spec.organization_id = "acme";
        spec.application_id = "Tutorial";
        spec.client_id = "north";
        spec.username = "ana";
        while (next++ < count) {
          const auto made =
              client().create(Job::kType, ns(), job::encode_new_job(ns(), job::new_job_id(clock_.now()), spec));
          ASSERT_TRUE(made) << made.error().message;
        }
      });
    }
  }

  base::SystemClock clock_;
  Connection connection_;
};

TEST_F(ReleaseJobs, TakesTheFinalizerFromAllOfThemInTime) {
  const std::size_t count = number_of_jobs();
  make_jobs(count);
  const auto begin = std::chrono::steady_clock::now();
  const auto released = controller::release_jobs(client(), ns(), {}, {});
  const auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_TRUE(released) << released.error().message;
  EXPECT_EQ(released->released, count);
  EXPECT_EQ(released->refused, 0U);
  const auto again = controller::release_jobs(client(), ns(), {}, {});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->released, 0U) << "none carries it any more";
  const auto seconds = std::chrono::duration<double>(took).count();
  RecordProperty("jobs_per_second", static_cast<int>(static_cast<double>(count) / seconds));
  base::log_info("released jobs", {{"jobs", static_cast<std::int64_t>(count)}, {"seconds", std::to_string(seconds)}});
  if (count >= 100'000) {
    EXPECT_LE(took, std::chrono::minutes(5));
  }
}

}  // namespace
}  // namespace vbrain::testing
