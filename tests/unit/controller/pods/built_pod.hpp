#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "controller/pods/pod_builder.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller::testing {

inline PodSettings settings() {
  PodSettings settings;
  settings.limits.volume_claim = "vbrain-data";
  settings.limits.allowed_secrets = {"license"};
  return settings;
}

inline PodPaths paths() {
  return {.runner = "bin/0.1.0",
          .job_file = "tenants/acme/Tutorial/north/jobs/j/job.nlohmann::json",
          .input = "tenants/acme/Tutorial/north/repositories/r/input",
          .attempt = "tenants/acme/Tutorial/north/jobs/j/attempts/2"};
}

inline nlohmann::json built(const nlohmann::json& pod_template = a_template(), const PodPaths& where = paths()) {
  const auto pod = build_pod(an_application(pod_template), a_job(), 2, where, settings());
  EXPECT_TRUE(pod.has_value()) << pod.error();
  return pod.value_or(nlohmann::json{});
}

inline nlohmann::json named(const nlohmann::json& list, const std::string& name, const char* key = "name") {
  const auto found =
      std::ranges::find_if(list, [&](const nlohmann::json& item) { return item.value(key, "") == name; });
  return found == list.end() ? nlohmann::json{} : *found;
}

inline nlohmann::json main_of(const nlohmann::json& pod) {
  return named(pod["spec"]["containers"], "main");
}

}  // namespace vbrain::controller::testing
