#include "api-server/routes/wait.hpp"

#include <algorithm>
#include <optional>

#include "api-server/jobs/job_service.hpp"
#include "api-server/routes/shared_read.hpp"
#include "api-server/waits/job_waits.hpp"

namespace vbrain::api {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

// The record of an ended job comes to the volume a moment after its resource says that it has ended (agreed_status).
// Nothing tells when, so the request looks again after these pauses.
constexpr milliseconds kFirstPause{10};
constexpr milliseconds kLongestPause{500};

// What a request that waits sees of a job.
struct Look {
  std::string_view state = {};  // rest_state()
  bool final = false;           // it ended, or cannot be shown: nothing to wait for
  bool unconfirmed = false;     // JobRecord::unconfirmed
};

// A look does not depend on the query.
std::string key_of_look(const Call& call) {
  const artifacts::Tenant& tenant = call.caller.tenant;
  return "state\n" + tenant.organization + "\n" + tenant.application + "\n" + tenant.client + "\n" +
         call.repository_id + "\n" + std::string(call.id);
}

bool has_come(const Look& first, const Look& now, WaitFor what) {
  return now.final || (what == WaitFor::kOtherState && now.state != first.state);
}

}  // namespace

Result<seconds, Refusal> wanted_wait(std::string_view query) {
  if (query.empty()) return seconds(0);
  const auto value = query_parameter(query, "wait");
  if (!value) return Unexpected<Refusal>(value.error());
  if (!*value) return seconds(0);
  const std::string& text = **value;
  const bool digits =
      !text.empty() && text.size() <= 2 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  const seconds time(digits ? std::stoi(text) : -1);
  if (time < seconds(0) || time > kLongestWait) {
    return refuse(Problem::kInvalid, "wait", "a whole number of seconds from 0 to 60");
  }
  return time;
}

Answer ask_again_soon(Answer answer) {
  if (!answer || answer->status != 202) return answer;
  for (auto& [name, value] : answer->headers) {
    if (name == "Retry-After") value = "1";
  }
  return answer;
}

http::Task<bool> wait_for_job(Call& call, seconds time, WaitFor what) {
  const Services& services = call.services;
  http::Waiting& waiting = call.exchange.waiting;
  const auto end = steady_clock::now() + time;
  const auto look = [&]() -> Look {
    const auto record = find_job(services, call.caller, call.id, call.repository_id);
    if (!record) return {.final = true};
    const job::Phase phase = record->status->phase;
    return {rest_state(phase), is_terminal(phase), record->unconfirmed};
  };
  const std::string key = key_of_look(call);
  // Before the first look: what changes later wakes this request.
  const auto place = services.waits.enter(call.caller.tenant, call.id, waiting.waker());
  if (place == nullptr) co_return false;
  std::optional<Look> first;
  milliseconds pause = kFirstPause;
  for (;;) {
    std::shared_ptr<const Look> now;
    try {
      now = co_await services.reads.get(services.volume_workers, key, look);
    } catch (const http::Overloaded&) {
      now = nullptr;  // Many jobs changed at once: it looks again after the pause.
    }
    if (now != nullptr) {
      if (!first) first = *now;
      if (has_come(*first, *now, what)) co_return true;
    }
    auto next = end;
    const auto cached = services.jobs.get(call.id);
    // Nothing tells either when the folder of a job can be seen, which a job made with kubectl gets with its start.
    if (now == nullptr || now->unconfirmed || (cached != nullptr && is_terminal(cached->status.phase))) {
      next = std::min(end, steady_clock::now() + pause);
      pause = std::min(2 * pause, kLongestPause);
    }
    const http::Woken woken = co_await waiting.until(next);
    if (woken == http::Woken::kGone) {
      throw http::BodyError(http::BodyError::Kind::kGone, "the client closed the connection while its request waited");
    }
    if (woken == http::Woken::kStopping || steady_clock::now() >= end) co_return true;
  }
}

}  // namespace vbrain::api
