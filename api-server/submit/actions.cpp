#include "api-server/routes/call.hpp"
#include "api-server/submit/job_change.hpp"

namespace vbrain::api {
namespace {

// Makes one change of the job that the path names, and answers `json`.
http::Task<Answer> answer_change(Call& call, JobChange change, std::string_view json) {
  const auto changed = co_await change_job(call.services, call.caller, call.id, call.repository_id, change);
  if (!changed) co_return Unexpected<Refusal>(changed.error());
  co_return json_reply(200, std::string(json));
}

}  // namespace

http::Task<Answer> post_job_cancel(Call& call) {
  constexpr std::string_view kJson = R"({"message":"Job cancelled"})";
  co_return co_await answer_change(call, JobChange::kCancel, kJson);
}

http::Task<Answer> post_job_suspend(Call& call) {
  constexpr std::string_view kJson = R"({"message":"Job suspended"})";
  co_return co_await answer_change(call, JobChange::kSuspend, kJson);
}

http::Task<Answer> post_job_resume(Call& call) {
  constexpr std::string_view kJson = R"({"message":"Job resumed"})";
  co_return co_await answer_change(call, JobChange::kResume, kJson);
}

}  // namespace vbrain::api
