#include "api-server/typed/params_check.hpp"

#include <algorithm>

#include "api-server/jobs/volume_view.hpp"
#include "api-server/typed/application.hpp"
#include "artifacts/records/raw_json.hpp"
#include "artifacts/store/store.hpp"
#include "base/json/json.hpp"
#include "job/causes.hpp"

namespace vbrain::api {
namespace {

// What the checks of one batch may cost together: some seconds of a thread. Each job has schema::Work::kLimit of it at
// most, as a job that is sent alone.
constexpr std::uint64_t kMostBatchSteps = 10 * schema::Work::kLimit;

// A tree takes many times its text, but most params are short.
constexpr std::size_t kTreeFactor = 4;
// Bytes of the violations in `detail`.
constexpr std::size_t kToldViolations = 300;

http::Reply refuse_params(const Call& call, const std::vector<JobViolations>& found, bool in_batch) {
  const std::string jobs = found.size() == 1 ? "a new job" : std::to_string(found.size()) + " new jobs";
  call.audit.refuse("Invalid params", "the params of " + jobs + " do not match the schema of the application");
  return json_reply(400, render_violations(found, in_batch));
}

// Blocks on the volume. The params of the repository, as they were stored; null: there is no such repository.
std::shared_ptr<const StoredRepository> find_repository(const Call& call) {
  if (!artifacts::is_repository_id(call.repository_id)) return nullptr;
  return call.services.view.repository(call.caller.tenant, call.repository_id, VolumeView::Counting::kUncounted);
}

Result<TypedJob, http::Reply> type_effective(const Call& call, ParamsCheck& check, std::string params) {
  if (const auto begun = check.begin(); !begun) return Unexpected<http::Reply>(to_reply(begun.error()));
  schema::Work work;
  auto completed = check.complete(std::move(params), work);
  if (completed) return TypedJob{std::move(*completed), check.members_of_job()};
  return Unexpected<http::Reply>(refuse_params(call, {JobViolations{std::move(completed.error())}}, false));
}

}  // namespace

ParamsCheck::ParamsCheck(const Services& services, const artifacts::Tenant& tenant)
    : application_(application_of(services, tenant)), memory_(services.json_budget, tenant) {}

bool ParamsCheck::has_schema() const {
  return application_ != nullptr && !(application_->params_schema.empty() && application_->result_schema.empty());
}

Result<void, Refusal> ParamsCheck::begin() const {
  const std::string fault = has_schema() ? job::schema_fault(*application_) : std::string();
  if (fault.empty()) return {};
  return refuse(Problem::kUnavailable, {}, job::tell("InvalidSchema", fault));
}

Result<std::string, schema::Violations> ParamsCheck::complete(std::string params, schema::Work& work) {
  if (!has_schema()) return params;
  memory_.cover(kTreeFactor * std::min(params.size(), schema::kCheckedLimit));
  return job::complete_params(*application_, std::move(params), work);
}

std::string ParamsCheck::members_of_job() const {
  return application_ == nullptr ? "{}" : job::result_schema_member(*application_);
}

http::Task<Result<TypedJob, http::Reply>> type_new_job(Call& call, const std::string& params) {
  ParamsCheck check(call.services, call.caller.tenant);
  if (!check.has_schema()) co_return TypedJob();
  const auto work = [&]() -> Result<TypedJob, http::Reply> {
    std::string effective = params.empty() ? "{}" : params;
    if (!call.repository_id.empty()) {
      const auto repository = find_repository(call);
      if (repository == nullptr) return TypedJob();
      effective = artifacts::overlay_object(repository->file.params, effective);
    }
    return type_effective(call, check, std::move(effective));
  };
  co_return co_await http::run_on(call.services.volume_workers, work);
}

http::Task<Result<TypedJob, http::Reply>> type_params(Call& call, const std::string& params) {
  ParamsCheck check(call.services, call.caller.tenant);
  if (!check.has_schema()) co_return TypedJob();
  const auto work = [&] { return type_effective(call, check, params); };
  co_return co_await http::run_on(call.services.volume_workers, work);
}

http::Task<std::optional<http::Reply>> check_batch(Call& call, ParamsCheck& check, const BatchFields& fields) {
  if (!check.has_schema()) co_return std::nullopt;
  const auto work = [&]() -> std::optional<http::Reply> {
    if (const auto begun = check.begin(); !begun) return to_reply(begun.error());
    const auto repository = find_repository(call);
    if (repository == nullptr) return std::nullopt;
    std::vector<JobViolations> found;
    std::uint64_t left = kMostBatchSteps;
    for (std::size_t i = 0; i < fields.params.size(); ++i) {
      const std::uint64_t given = std::min(left, schema::Work::kLimit);
      schema::Work steps(given);
      auto params = check.complete(artifacts::overlay_object(repository->file.params, fields.params[i]), steps);
      left -= given - steps.left();
      if (steps.is_exhausted() && given < schema::Work::kLimit) {
        // This one may be right. What is known to be wrong is said first.
        if (!found.empty()) break;
        return to_reply({.problem = Problem::kTooLarge,
                         .detail =
                             "to check the params of so many jobs against the schema of the application takes too much "
                             "work for one request. Remedy: send fewer jobs at once"});
      }
      if (!params) found.push_back({std::move(params.error()), i});
    }
    if (found.empty()) return std::nullopt;
    return refuse_params(call, found, true);
  };
  co_return co_await http::run_on(call.services.bulk_workers, work);
}

std::string render_violations(const std::vector<JobViolations>& found, bool in_batch) {
  std::string list;
  std::size_t listed = 0;
  std::size_t omitted = 0;
  for (const JobViolations& of_job : found) {
    omitted += of_job.violations.more;
    for (const schema::Violation& violation : of_job.violations.list) {
      if (listed == schema::kMostViolations) {
        ++omitted;
        continue;
      }
      list += listed++ == 0 ? "{" : ",{";
      if (in_batch) list += R"("index":)" + std::to_string(of_job.index) + ",";
      list += R"("pointer":)" + base::quote_json(violation.pointer) + R"(,"message":)" +
              base::quote_json(violation.message) + "}";
    }
  }
  std::string detail = in_batch ? "element " + std::to_string(found.front().index) + " does" : "they do";
  detail += " not match the schema of the application: " + schema::in_words(found.front().violations, kToldViolations);
  if (found.size() > 1) detail += "; " + std::to_string(found.size() - 1) + " more elements do not match";
  detail += ". Remedy: send params that match; GET /api/v1/application has the schema";
  std::string json =
      R"({"error":"Invalid params","detail":)" + base::quote_json(detail) + R"(,"violations":[)" + list + "]";
  if (omitted > 0) json += R"(,"violations_omitted":)" + std::to_string(omitted);
  return json + "}";
}

}  // namespace vbrain::api
