#include "api-server/live/job_event.hpp"

#include "api-server/answers/shared_reads.hpp"
#include "api-server/jobs/job_record.hpp"
#include "api-server/jobs/job_service.hpp"
#include "api-server/jobs/space.hpp"
#include "artifacts/store/store.hpp"
#include "base/json/json.hpp"
#include "base/log/log.hpp"

namespace vbrain::api {

std::string render_event(std::string_view id, std::string_view event, std::string_view data) {
  std::string text;
  text.reserve(id.size() + event.size() + data.size() + 32);
  if (!id.empty()) text.append("id: ").append(id).append("\n");
  return text.append("event: ").append(event).append("\ndata: ").append(data).append("\n\n");
}

bool awaits_record(const job::JobStatus& status, base::TimePoint now) {
  return is_terminal(status.phase) && !is_terminal(agreed_status(status, std::nullopt, now).phase);
}

std::string render_job(const Services& services, const base::Tenant& tenant, std::string_view job_id,
                       std::string_view repository_id, const job::JobStatus& status) {
  std::string text = render_job_head(job_id, status.phase);
  text.append(R"(,"repository_id":)").append(base::quote_json(repository_id));
  const bool ended = is_terminal(status.phase) && status.completion_time;
  return text + render_job_tail(status, ended ? expiry_of(services, tenant, *status.completion_time) : std::nullopt);
}

std::string render_job(const Services& services, const job::Job& job) {
  const base::Tenant tenant{job.spec.organization_id, job.spec.application_id, job.spec.client_id};
  return render_job(services, tenant, job.meta.name, job.spec.repository_id, job.status);
}

std::string render_deleted(std::string_view job_id) {
  return std::string(R"({"job_id":)").append(base::quote_json(job_id)).append("}");
}

http::Task<std::shared_ptr<const JobLook>> look_at_job(const Services& services, const base::Tenant& tenant,
                                                       const std::string& job_id, const base::RequestIds& ids) {
  struct Seen {
    JobLook look;
    bool unconfirmed = false;
  };
  const auto read = [&]() -> Seen {
    const auto record = load_job(services, tenant, job_id);
    if (!record) return {};
    const job::JobStatus& status = *record->status;
    return {.look = {.exists = true,
                     .ended = is_terminal(status.phase),
                     .json = render_job(services, tenant, job_id, record->stored->file.repository_id, status)},
            .unconfirmed = record->unconfirmed};
  };
  // One unreadable file must not end the streams of all jobs.
  const auto look = [&]() -> Seen {
    try {
      return read();
    } catch (const artifacts::CorruptFile& problem) {
      base::log_error("unreadable file on the volume", {{"job", job_id}, ids, {"error", problem.what()}});
    } catch (const artifacts::UnsafeFile& problem) {
      base::log_error("unreadable file on the volume", {{"job", job_id}, ids, {"error", problem.what()}});
    }
    return {.look = {.exists = true, .unreadable = true}};
  };
  const std::string key =
      "event\n" + tenant.organization + "\n" + tenant.application + "\n" + tenant.client + "\n" + job_id;
  const auto seen = co_await services.reads.get(services.volume_workers, key, look);
  if (!seen->unconfirmed) co_return std::shared_ptr<const JobLook>(seen, &seen->look);
  Caller anyone;
  anyone.tenant = tenant;
  const auto confirm = [&]() -> std::optional<Problem> {
    const auto confirmed = confirm_job(services, anyone, job_id);
    return confirmed ? std::nullopt : std::optional(confirmed.error().problem);
  };
  const std::string key_confirmed = "confirmed " + key;
  const auto problem = co_await services.reads.get(services.workers, key_confirmed, confirm);
  if (!*problem) co_return std::shared_ptr<const JobLook>(seen, &seen->look);
  co_return std::make_shared<JobLook>(JobLook{.exists = **problem != Problem::kNoJob, .ended = false});
}

}  // namespace vbrain::api
