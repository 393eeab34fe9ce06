#include "controller/webhooks/callback_event.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "job/causes.hpp"

namespace vbrain::controller {

std::optional<CallbackEvent> event_of(const job::Job& job) {
  const job::JobStatus& status = job.status;
  if (job.spec.callback_url.empty() || job.meta.deletion_timestamp || status.phase == job::Phase::kQueued) {
    return std::nullopt;
  }
  CallbackEvent event;
  event.ended = job::is_terminal(status.phase);
  event.id = job.meta.name + (event.ended ? "-ended" : "-started");
  event.type = "job." + std::string(job::rest_state(status.phase));
  const auto time = event.ended ? status.completion_time : status.start_time;
  // As GET /job/:job_id names them.
  nlohmann::ordered_json data = {{"job_id", job.meta.name},
                                 {"job_status", job::rest_state(status.phase)},
                                 {"repository_id", job.spec.repository_id},
                                 {"organization_id", job.spec.organization_id},
                                 {"application_id", job.spec.application_id},
                                 {"client_id", job.spec.client_id}};
  // While it runs they change, and each try would tell something else.
  if (event.ended) {
    data["reason"] = status.reason;
    data["message"] = job::public_message(status);
    data["attempts"] = status.attempts;
  }
  const nlohmann::ordered_json body = {{"type", event.type},
                                       {"timestamp", base::format_rfc3339(time.value_or(job.meta.creation_timestamp))},
                                       {"data", std::move(data)}};
  // A message of an application may be no UTF-8.
  event.body = body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return event;
}

std::chrono::milliseconds delay_after(unsigned tries, double chance) {
  constexpr double kFirst = 5'000;
  constexpr double kMost = 3'600'000;
  const double plain = std::min(kFirst * std::pow(2.0, std::clamp(tries, 1U, 20U) - 1), kMost);
  return std::chrono::milliseconds(static_cast<std::int64_t>(plain * (0.8 + 0.4 * std::clamp(chance, 0.0, 1.0))));
}

}  // namespace vbrain::controller
