#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "job/application.hpp"
#include "job/job.hpp"

namespace vbrain::controller::testing {

inline constexpr const char* kJobId = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d";
inline constexpr const char* kJobUid = "11111111-2222-3333-4444-555555555555";

inline base::TimePoint at(std::int64_t seconds) {
  return base::TimePoint{std::chrono::seconds(1'700'000'000 + seconds)};
}

inline job::Job a_job() {
  job::Job job;
  job.meta.name = kJobId;
  job.meta.namespace_name = "vbrain";
  job.meta.uid = kJobUid;
  job.meta.resource_version = "100";
  job.meta.generation = 1;
  job.meta.finalizers = {std::string(job::kFinalizer)};
  job.meta.creation_timestamp = at(0);
  job.spec.organization_id = "acme";
  job.spec.application_id = "Tutorial";
  job.spec.client_id = "north";
  job.spec.repository_id = "202009231629398695";
  job.spec.username = "ana";
  return job;
}

inline nlohmann::json a_template() {
  return {{"spec",
           {{"containers", nlohmann::json::array({{{"name", "main"},
                                                   {"image", "vbrain/tutorial:1"},
                                                   {"command", {"python3", "/app/main.py"}},
                                                   {"args", {"--fast"}},
                                                   {"resources", {{"limits", {{"memory", "64Mi"}}}}}}})}}}};
}

inline job::Application an_application(const nlohmann::json& pod_template = a_template()) {
  job::Application application;
  application.meta.name = "tutorial";
  application.meta.namespace_name = "vbrain";
  application.meta.uid = "99999999-2222-3333-4444-555555555555";
  application.meta.resource_version = "50";
  application.meta.generation = 3;
  application.application_id = "Tutorial";
  application.organizations = {"*"};
  application.template_json = pod_template.dump();
  return application;
}

}  // namespace vbrain::controller::testing
