#include <array>

#include "api-server/routes/call.hpp"

namespace vbrain::api {
namespace {

constexpr auto kOptional = RepositoryHeader::kOptional;

constexpr std::array kRoutes{
    Route{{Method::kPost, "/api/v1/repository"}, Permission::kCreateRepository, kOptional, true, post_repository},
    Route{{Method::kPost, "/api/v1/job/execute"}, Permission::kCreateJob, kOptional, true, post_job_execute},
    Route{{Method::kGet, "/api/v1/job/:job_id"}, Permission::kReadJob, kOptional, false, get_job},
    Route{{Method::kGet, "/api/v1/job/:job_id/result"}, Permission::kReadJob, kOptional, false, get_job_result},
    Route{{Method::kGet, "/api/v1/job/:job_id/params"}, Permission::kReadJob, kOptional, false, get_job_params},
    Route{{Method::kGet, "/api/v1/job/:job_id/output"}, Permission::kReadJob, kOptional, false, get_job_output},
    Route{{Method::kGet, "/api/v1/job/:job_id/logs"}, Permission::kReadJob, kOptional, false, get_job_logs},
};

}  // namespace

std::span<const Route> routes() {
  return kRoutes;
}

}  // namespace vbrain::api
