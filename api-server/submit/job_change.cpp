#include "api-server/submit/job_change.hpp"

#include <nlohmann/json.hpp>

#include "api-server/jobs/job_resource.hpp"
#include "api-server/jobs/job_service.hpp"
#include "base/log/log.hpp"

namespace vbrain::api {
namespace {

nlohmann::json spec_of(JobChange change) {
  if (change == JobChange::kCancel) return {{"cancel", true}};
  return {{"suspend", change == JobChange::kSuspend}};
}

}  // namespace

bool is_made(JobChange change, const job::JobStatus& status) {
  return change == JobChange::kCancel && status.phase == job::Phase::kFailed && status.reason == "Cancelled";
}

std::optional<Refusal> refuse_change(JobChange change, const job::JobStatus& status) {
  if (!is_terminal(status.phase) || is_made(change, status)) return std::nullopt;
  std::string detail = "the job has ended: ";
  detail.append(rest_state(status.phase));
  return Refusal{.problem = Problem::kJobFixed,
                 .detail = detail + ". Remedy: to run it again, send POST /api/v1/job/:job_id/retry"};
}

Refusal being_cancelled() {
  return {.problem = Problem::kJobFixed,
          .detail =
              "the job is being cancelled and ends soon. Remedy: to run it again, send POST "
              "/api/v1/job/:job_id/retry when it has ended"};
}

http::Task<Result<void, Refusal>> change_job(const Services& services, const Caller& caller, std::string_view job_id,
                                             std::string_view repository_id, JobChange change) {
  const auto find = [&] { return find_job(services, caller, job_id, repository_id); };
  const auto record = co_await http::run_on(services.volume_workers, find);
  if (!record) co_return Unexpected<Refusal>(record.error());
  if (auto refused = refuse_change(change, *record->status)) co_return Unexpected<Refusal>(std::move(*refused));
  if (is_made(change, *record->status)) co_return Result<void, Refusal>();

  const nlohmann::json spec = spec_of(change);
  const auto edit = [&] { return edit_resource(services, caller.tenant, job_id, spec, change == JobChange::kCancel); };
  const auto edited = co_await http::run_on(services.workers, edit);
  if (!edited) {
    const kube::Error& error = edited.error();
    base::log_error("Job not changed", {{"job", job_id},
                                        caller.ids,
                                        {"code", to_string(error.code)},
                                        {"http_status", error.http_status},
                                        {"error", error.message}});
    co_return Unexpected<Refusal>(refusal_of(error));
  }
  switch (*edited) {
    case Edit::kDone:
      break;
    case Edit::kBeingDeleted:
      co_return refuse(Problem::kNoJob);
    case Edit::kCancelled:
      co_return Unexpected<Refusal>(being_cancelled());
    case Edit::kAbsent:
      // It is being created or recreated; or the job has ended just now, and its resource has expired.
      if (record->unconfirmed) co_return refuse(Problem::kNoJob);
      co_return refuse(
          Problem::kUnavailable, {},
          "the Job resource does not exist yet; the controller creates it within some minutes. Remedy: repeat the "
          "request");
  }
  co_return Result<void, Refusal>();
}

}  // namespace vbrain::api
