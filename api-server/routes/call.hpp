#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api-server/audit/audit_notes.hpp"
#include "api-server/auth/auth.hpp"
#include "api-server/auth/identity.hpp"
#include "api-server/errors.hpp"
#include "api-server/request_context.hpp"
#include "api-server/routes/router.hpp"
#include "api-server/services.hpp"
#include "http/handler.hpp"

namespace vbrain::api {

// An authenticated request whose role permits it.
struct Call {
  const Services& services;
  http::Exchange& exchange;
  const Caller& caller;
  const RequestContext& context;
  const std::string& repository_id;  // header; empty: not sent
  std::string_view id;               // the path's variable segment
  std::string_view rest;             // the end of the path (RouteMatch::rest)
  AuditNotes& audit;                 // what it has changed
};

// Answers a Call. Runs on an I/O thread.
using RouteHandler = http::Task<Answer> (*)(Call&);

struct Route {
  RoutePattern pattern;
  Permission permission;
  RepositoryHeader repository;
  bool takes_body;
  RouteHandler handler;
  std::span<const std::string_view> parameters = {};  // of the query
};

// All routes of the REST API, in the order of docs/api.md.
std::span<const Route> routes();

// routes/usage.cpp
http::Task<Answer> get_usage(Call& call);
// routes/jobs.cpp
http::Task<Answer> get_jobs(Call& call);
http::Task<Answer> get_job(Call& call);
http::Task<Answer> get_job_params(Call& call);
http::Task<Answer> delete_job(Call& call);
// uploads/routes.cpp
http::Task<Answer> get_upload_options(Call& call);
http::Task<Answer> post_upload(Call& call);
http::Task<Answer> head_upload(Call& call);
http::Task<Answer> patch_upload(Call& call);
http::Task<Answer> delete_upload(Call& call);
// api_keys/routes.cpp
http::Task<Answer> get_keys(Call& call);
http::Task<Answer> post_key(Call& call);
http::Task<Answer> delete_key(Call& call);
// live/routes.cpp
http::Task<Answer> get_job_events(Call& call);
http::Task<Answer> get_job_log_stream(Call& call);
http::Task<Answer> get_events(Call& call);
// submit/new_jobs.cpp, submit/job_batch.cpp
http::Task<Answer> post_job_execute(Call& call);
http::Task<Answer> post_job_batch(Call& call);
http::Task<Answer> post_job_retry(Call& call);
// submit/actions.cpp
http::Task<Answer> post_job_cancel(Call& call);
http::Task<Answer> post_job_suspend(Call& call);
http::Task<Answer> post_job_resume(Call& call);
// routes/artifacts.cpp
http::Task<Answer> get_job_result(Call& call);
http::Task<Answer> get_job_output(Call& call);
http::Task<Answer> get_job_logs(Call& call);
http::Task<Answer> get_repository_input(Call& call);
// routes/files.cpp
http::Task<Answer> get_job_output_files(Call& call);
http::Task<Answer> get_job_output_file(Call& call);
http::Task<Answer> get_job_input_files(Call& call);
http::Task<Answer> get_job_input_file(Call& call);
http::Task<Answer> get_repository_input_files(Call& call);
http::Task<Answer> get_repository_input_file(Call& call);
// routes/repositories.cpp
http::Task<Answer> get_repositories(Call& call);
http::Task<Answer> post_repository(Call& call);
http::Task<Answer> get_repository(Call& call);
http::Task<Answer> get_repository_params(Call& call);
http::Task<Answer> delete_repository(Call& call);

}  // namespace vbrain::api
