#include "api-server/job_record.hpp"

#include <nlohmann/json.hpp>

#include "api-server/dates.hpp"
#include "artifacts/raw_json.hpp"
#include "artifacts/store.hpp"
#include "base/json.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;

bool is_of(const job::Job& job, const artifacts::Tenant& tenant) {
  return job.spec.organization_id == tenant.organization && job.spec.application_id == tenant.application &&
         job.spec.client_id == tenant.client;
}

// A Job made with kubectl, before the controller has published its folder.
artifacts::JobFile file_of(const job::Job& job) {
  artifacts::JobFile file;
  file.job_id = job.meta.name;
  file.tenant = {job.spec.organization_id, job.spec.application_id, job.spec.client_id};
  file.repository_id = job.spec.repository_id;
  file.created_on = job.meta.creation_timestamp;
  file.created_by = job.spec.username;
  if (!job.spec.params.empty()) file.params = job.spec.params;
  if (!job.spec.metadata.empty()) file.metadata = job.spec.metadata;
  file.priority = job.spec.priority;
  return file;
}

// The status in a record of the volume, {"metadata", "status"}; Job::decode wants the rest of a resource around it.
job::JobStatus archived_status(const json& record) {
  json object{{"metadata", {{"name", "archived"}, {"uid", "archived"}, {"resourceVersion", "1"}}},
              {"spec", json::object()}};
  if (const auto status = record.find("status"); status != record.end()) object["status"] = *status;
  return job::Job::decode(object).status;
}

void add(std::string& text, std::string_view key, std::string_view raw) {
  text.append(text.size() > 1 ? ",\"" : "\"").append(key).append("\":").append(raw);
}

void add_text(std::string& text, std::string_view key, std::string_view value) {
  add(text, key, base::quote_json(value));
}

template <class Items, class TextOf>
std::string list_of(const Items& items, TextOf text_of) {
  std::string text = "[";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    text += base::quote_json(text_of(item));
  }
  return text + "]";
}

}  // namespace

std::optional<JobRecord> load_job(const Services& services, const artifacts::Tenant& tenant, std::string_view job_id) {
  if (!artifacts::is_job_folder_name(job_id)) return std::nullopt;
  const auto resource = services.jobs.get(job_id);
  if (resource != nullptr && (!is_of(*resource, tenant) || resource->meta.deletion_timestamp)) return std::nullopt;
  const artifacts::Store& volume = services.volume;
  auto file = volume.read_job(tenant, job_id);
  if (!file) {
    if (resource == nullptr) return std::nullopt;
    return JobRecord{file_of(*resource), resource->status, false};
  }
  if (volume.is_deleted(tenant, job_id)) return std::nullopt;
  JobRecord record{std::move(*file), {}, true};
  if (resource != nullptr) {
    record.status = resource->status;
  } else if (const auto archived = volume.read_status(tenant, job_id)) {
    record.status = archived_status(*archived);
  }
  return record;
}

std::string name_in(std::string_view metadata) {
  const auto members = artifacts::split_object(metadata);
  if (!members) return "";
  for (const auto& [key, value] : *members) {
    if (key == "name" && value.starts_with('"')) return json::parse(value).get<std::string>();
  }
  return "";
}

std::string render_job(const JobRecord& record, const std::vector<std::string>& jobs) {
  const artifacts::JobFile& file = record.file;
  const job::JobStatus& status = record.status;
  std::string text = "{";
  add_text(text, "job_id", file.job_id);
  add_text(text, "job_status", rest_state(status.phase));
  add_text(text, "repository_id", file.repository_id);
  add_text(text, "name", name_in(file.metadata));
  add(text, "input",
      list_of(file.input, [](const artifacts::InputFile& input) { return std::string_view(input.name); }));
  add_text(text, "created_on", format_created_on(file.created_on));
  add_text(text, "created_by", file.created_by);
  const auto params = artifacts::split_object(file.params);
  add(text, "params", params && !params->empty() ? "true" : "false");
  add(text, "jobs", list_of(jobs, [](const std::string& id) { return std::string_view(id); }));
  add(text, "metadata", file.metadata);
  if (!status.reason.empty()) add_text(text, "reason", status.reason);
  if (!status.message.empty()) add_text(text, "message", status.message);
  if (status.start_time) add_text(text, "started_on", format_created_on(*status.start_time));
  if (status.completion_time) add_text(text, "finished_on", format_created_on(*status.completion_time));
  add(text, "attempts", std::to_string(status.attempts));
  return text + "}";
}

}  // namespace vbrain::api
