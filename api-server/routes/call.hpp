#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api-server/auth.hpp"
#include "api-server/errors.hpp"
#include "api-server/http/handler.hpp"
#include "api-server/identity.hpp"
#include "api-server/router.hpp"
#include "api-server/services.hpp"

namespace vbrain::api {

// One request whose sender is known and may do what it asks for.
struct Call {
  const Services& services;
  Exchange& exchange;
  const Caller& caller;
  const std::string& repository_id;  // header; empty: not sent
  std::string_view id;               // the path's variable segment
};

// Turns a Call into an answer, in a few lines over the services. Runs on an I/O thread.
using RouteHandler = Task<Answer> (*)(Call&);

struct Route {
  RoutePattern pattern;
  Permission permission;
  RepositoryHeader repository;
  bool takes_body;
  RouteHandler handler;
};

// All routes of the REST API, in the order of the contract.
std::span<const Route> routes();

// routes/jobs.cpp
Task<Answer> get_jobs(Call& call);
Task<Answer> post_job_execute(Call& call);
Task<Answer> get_job(Call& call);
Task<Answer> get_job_params(Call& call);
Task<Answer> delete_job(Call& call);
// routes/artifacts.cpp
Task<Answer> get_job_result(Call& call);
Task<Answer> get_job_output(Call& call);
Task<Answer> get_job_logs(Call& call);
Task<Answer> get_repository_input(Call& call);
// routes/repositories.cpp
Task<Answer> get_repositories(Call& call);
Task<Answer> post_repository(Call& call);
Task<Answer> get_repository(Call& call);
Task<Answer> get_repository_params(Call& call);
Task<Answer> delete_repository(Call& call);

}  // namespace vbrain::api
