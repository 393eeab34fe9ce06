#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "api-server/services.hpp"
#include "base/log/request_ids.hpp"
#include "base/tenant.hpp"
#include "http/task.hpp"

namespace vbrain::api {

// One event of a stream of Server-Sent Events (WHATWG HTML section 9.2.6). `data` has no line break. Without `id` the
// client keeps the last one. Pure.
std::string render_event(std::string_view id, std::string_view event, std::string_view data);

// The sign that the connection lives.
inline constexpr std::string_view kBeat = ":\n\n";

// Whether an answer may not say yet that this job has ended, although its resource does (agreed_status). Pure.
bool awaits_record(const job::JobStatus& status, base::TimePoint now);

// What an event says of a job: members of the object that GET /job/:job_id answers. Of an ended job it reads the
// caches, for `expires_on`.
std::string render_job(const Services& services, const base::Tenant& tenant, std::string_view job_id,
                       std::string_view repository_id, const job::JobStatus& status);
std::string render_job(const Services& services, const job::Job& job);
// {"job_id": …}. Pure.
std::string render_deleted(std::string_view job_id);

// What GET /job/:job_id says of a job at this moment.
struct JobLook {
  bool exists = false;
  bool ended = false;
  std::string json = {};    // render_job(); empty of a job that exists: nothing can be said now, look again later
  bool unreadable = false;  // nothing can be said of it until its files are mended
};
// Streams that look at the same job at the same time share the look. `ids`: of the request, for log
// lines; those of the one that looks are used. Throws VolumeError, CorruptFile, http::Overloaded.
http::Task<std::shared_ptr<const JobLook>> look_at_job(const Services& services, const base::Tenant& tenant,
                                                       const std::string& job_id, const base::RequestIds& ids);

}  // namespace vbrain::api
