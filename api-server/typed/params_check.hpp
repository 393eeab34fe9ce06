#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api-server/answers/tenant_budget.hpp"
#include "api-server/routes/call.hpp"
#include "api-server/submit/json_body.hpp"
#include "http/task.hpp"
#include "job/schemas.hpp"

namespace vbrain::api {

// The schemas of a tenant's Application, as they are now, for the new jobs of one request. For one thread at a time.
class ParamsCheck {
 public:
  ParamsCheck(const Services& services, const artifacts::Tenant& tenant);

  // False: jobs stay as they are.
  bool has_schema() const;
  // kUnavailable, in the words of the cause InvalidSchema, if a schema can't be used. All that follows needs a success.
  Result<void, Refusal> begin() const;
  // Effective params with the defaults, or what is wrong with them. Takes some 100 ms of CPU time at most, so it is for
  // pools. Throws http::Overloaded if there is no room in the memory for JSON.
  Result<std::string, schema::Violations> complete(std::string params, schema::Work& work);
  // Further members of job.json.
  std::string members_of_job() const;

 private:
  std::shared_ptr<const job::Application> application_;
  TenantBudget::Share memory_;
};

// What the schemas make of a new job.
struct TypedJob {
  std::optional<std::string> params = {};  // effective, completed and checked; nothing: there is no schema
  std::string members = "{}";              // ParamsCheck::members_of_job()
};

// A job whose params match, or the answer: 400 Invalid params with the members `violations` and `violations_omitted`,
// or 503. `params` are those of the request (empty: not sent), for a job in `repository_id` (empty: in a new one). A
// repository that does not exist is left to whoever makes the job.
http::Task<Result<TypedJob, http::Reply>> type_new_job(Call& call, const std::string& params);
// The same for effective params.
http::Task<Result<TypedJob, http::Reply>> type_params(Call& call, const std::string& params);
// Checks all jobs of a batch before any is made. Nothing: all match.
http::Task<std::optional<http::Reply>> check_batch(Call& call, ParamsCheck& check, const BatchFields& fields);

// The violations of one job of a request; `index` is that of the job in a batch.
struct JobViolations {
  schema::Violations violations;
  std::size_t index = 0;
};

// The body of the 400. `in_batch`: each violation names its job. Pure.
std::string render_violations(const std::vector<JobViolations>& found, bool in_batch);

}  // namespace vbrain::api
