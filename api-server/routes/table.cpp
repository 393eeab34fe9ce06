#include <array>

#include "api-server/pages/page_request.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/typed/application.hpp"

namespace vbrain::api {
namespace {

constexpr auto kOptional = RepositoryHeader::kOptional;

constexpr auto kRequired = RepositoryHeader::kRequired;
constexpr auto kRequiredForAll = RepositoryHeader::kRequiredForAll;
constexpr auto kReadRepository = Permission::kReadRepository;
constexpr auto kChangeJob = Permission::kChangeJob;

// Of an object that lists a repository's jobs (wants_jobs).
constexpr std::array<std::string_view, 1> kJobs{"jobs"};

// Of a job (wanted_wait).
constexpr std::array<std::string_view, 2> kJobsAndWait{"jobs", "wait"};
constexpr std::array<std::string_view, 1> kWait{"wait"};

// Of a stream of logs (wished_logs).
constexpr std::array<std::string_view, 4> kLogStream{"follow", "tail", "stream", "file"};

constexpr std::array kRoutes{
    Route{{http::Method::kGet, "/api/v1/repository"},
          kReadRepository,
          kOptional,
          false,
          get_repositories,
          kRepositoryListParameters},
    Route{{http::Method::kPost, "/api/v1/repository"}, Permission::kCreateRepository, kOptional, true, post_repository},
    Route{{http::Method::kGet, "/api/v1/repository/:repository_id"},
          kReadRepository,
          kOptional,
          false,
          get_repository,
          kJobs},
    Route{{http::Method::kDelete, "/api/v1/repository/:repository_id"},
          Permission::kDeleteRepository,
          kOptional,
          false,
          delete_repository},
    Route{{http::Method::kGet, "/api/v1/repository/:repository_id/input"},
          kReadRepository,
          kOptional,
          false,
          get_repository_input},
    Route{{http::Method::kGet, "/api/v1/repository/:repository_id/input/files"},
          kReadRepository,
          kOptional,
          false,
          get_repository_input_files},
    Route{{http::Method::kGet, "/api/v1/repository/:repository_id/input/files/*path"},
          kReadRepository,
          kOptional,
          false,
          get_repository_input_file},
    Route{{http::Method::kGet, "/api/v1/repository/:repository_id/params"},
          kReadRepository,
          kOptional,
          false,
          get_repository_params},
    Route{{http::Method::kGet, "/api/v1/job"},
          Permission::kReadJob,
          kRequiredForAll,
          false,
          get_jobs,
          kJobListParameters},
    Route{{http::Method::kPost, "/api/v1/job/execute"}, Permission::kCreateJob, kOptional, true, post_job_execute},
    Route{{http::Method::kPost, "/api/v1/job/batch"}, Permission::kCreateJob, kRequired, true, post_job_batch},
    Route{{http::Method::kGet, "/api/v1/job/:job_id"}, Permission::kReadJob, kOptional, false, get_job, kJobsAndWait},
    Route{{http::Method::kDelete, "/api/v1/job/:job_id"}, Permission::kDeleteJob, kOptional, false, delete_job},
    Route{{http::Method::kPost, "/api/v1/job/:job_id/cancel"}, kChangeJob, kOptional, false, post_job_cancel},
    Route{{http::Method::kPost, "/api/v1/job/:job_id/suspend"}, kChangeJob, kOptional, false, post_job_suspend},
    Route{{http::Method::kPost, "/api/v1/job/:job_id/resume"}, kChangeJob, kOptional, false, post_job_resume},
    Route{{http::Method::kPost, "/api/v1/job/:job_id/retry"}, Permission::kRetryJob, kOptional, false, post_job_retry},
    Route{{http::Method::kGet, "/api/v1/job/:job_id/result"},
          Permission::kReadJob,
          kOptional,
          false,
          get_job_result,
          kWait},
    Route{{http::Method::kGet, "/api/v1/job/:job_id/params"}, Permission::kReadJob, kOptional, false, get_job_params},
    Route{{http::Method::kGet, "/api/v1/job/:job_id/output"}, Permission::kReadJob, kOptional, false, get_job_output},
    Route{{http::Method::kGet, "/api/v1/job/:job_id/output/files"},
          Permission::kReadJob,
          kOptional,
          false,
          get_job_output_files},
    Route{{http::Method::kGet, "/api/v1/job/:job_id/output/files/*path"},
          Permission::kReadJob,
          kOptional,
          false,
          get_job_output_file},
    Route{{http::Method::kGet, "/api/v1/job/:job_id/input/files"},
          Permission::kReadJob,
          kOptional,
          false,
          get_job_input_files},
    Route{{http::Method::kGet, "/api/v1/job/:job_id/input/files/*path"},
          Permission::kReadJob,
          kOptional,
          false,
          get_job_input_file},
    Route{{http::Method::kGet, "/api/v1/job/:job_id/logs"}, Permission::kReadJob, kOptional, false, get_job_logs},
    Route{{http::Method::kGet, "/api/v1/job/:job_id/logs/stream"},
          Permission::kReadJob,
          kOptional,
          false,
          get_job_log_stream,
          kLogStream},
    Route{{http::Method::kGet, "/api/v1/job/:job_id/events"}, Permission::kReadJob, kOptional, false, get_job_events},
    Route{{http::Method::kGet, "/api/v1/events"}, Permission::kReadJob, kOptional, false, get_events},
    Route{{http::Method::kOptions, "/api/v1/uploads"}, Permission::kCreateJob, kOptional, false, get_upload_options},
    Route{{http::Method::kPost, "/api/v1/uploads"}, Permission::kCreateJob, kOptional, true, post_upload},
    Route{{http::Method::kHead, "/api/v1/uploads/:upload_id"}, Permission::kCreateJob, kOptional, false, head_upload},
    Route{{http::Method::kPatch, "/api/v1/uploads/:upload_id"}, Permission::kCreateJob, kOptional, true, patch_upload},
    Route{
        {http::Method::kDelete, "/api/v1/uploads/:upload_id"}, Permission::kCreateJob, kOptional, false, delete_upload},
    Route{{http::Method::kGet, "/api/v1/keys"}, Permission::kManageKeys, kOptional, false, get_keys},
    Route{{http::Method::kPost, "/api/v1/keys"}, Permission::kManageKeys, kOptional, true, post_key},
    Route{{http::Method::kDelete, "/api/v1/keys/:key_id"}, Permission::kManageKeys, kOptional, false, delete_key},
    Route{{http::Method::kGet, "/api/v1/application"}, Permission::kReadUsage, kOptional, false, get_application},
    Route{{http::Method::kGet, "/api/v1/usage"}, Permission::kReadUsage, kOptional, false, get_usage},
};

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

}  // namespace vbrain::api
