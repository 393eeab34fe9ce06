#include "job/application.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "job/decode.hpp"

namespace vbrain::job {
namespace {

using kube::find_member;
using kube::get_optional_int;
using kube::get_string;
using nlohmann::json;

std::string get_raw(const json& object, std::string_view key) {
  const json* member = find_member(object, key);
  return member == nullptr ? std::string() : member->dump();
}

}  // namespace

const kube::ResourceType Application::kType{"vbrain.visagio.com", "v1", "applications", "Application"};

bool Application::open_to(std::string_view organization) const {
  return std::ranges::any_of(organizations,
                             [&](const std::string& entry) { return entry == "*" || entry == organization; });
}

Application Application::decode(const json& object) {
  Application application;
  application.meta = kube::decode_meta(object);
  const json& spec = spec_of(object);
  application.application_id = get_string(spec, "applicationId");
  application.organizations = kube::get_strings(spec, "organizations");
  application.template_json = get_raw(spec, "template");
  application.backoff_limit = static_cast<std::int32_t>(kube::get_int(spec, "backoffLimit"));
  application.active_deadline_seconds = get_optional_int(spec, "activeDeadlineSeconds");
  application.pre_running_deadline_seconds =
      kube::get_int(spec, "preRunningDeadlineSeconds", application.pre_running_deadline_seconds);
  application.ttl_seconds_after_finished =
      kube::get_int(spec, "ttlSecondsAfterFinished", application.ttl_seconds_after_finished);
  if (const auto limit = get_optional_int(spec, "maxConcurrentJobs")) {
    application.max_concurrent_jobs = static_cast<std::int32_t>(*limit);
  }
  if (const json* growth = find_member(spec, "memoryGrowth")) {
    application.memory_growth_factor = get_string(*growth, "factor");
    application.memory_growth_limit = get_string(*growth, "limit");
  }
  application.output_limit = get_string(spec, "outputLimit");
  application.params_schema = get_raw(spec, "paramsSchema");
  application.result_schema = get_raw(spec, "resultSchema");
  application.conditions = kube::decode_conditions(object);
  application.retention = decode_retention(spec);
  return application;
}

}  // namespace vbrain::job
