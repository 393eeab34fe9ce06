#include "api-server/api_keys/key_watch.hpp"

#include <nlohmann/json.hpp>

#include "base/log/log.hpp"
#include "base/threads/stop.hpp"

namespace vbrain::api {
namespace {

// In one period: it bounds what a server writes to 150 uses in a minute.
constexpr std::size_t kMostWrites = 50;

}  // namespace

KeysState state_of_list(const kube::KubeResult<nlohmann::json>& answer) {
  if (answer) return KeysState::kKnown;
  switch (answer.error().code) {
    case kube::ErrorCode::kNotFound:
      return KeysState::kNotServed;
    case kube::ErrorCode::kForbidden:
      return KeysState::kForbidden;
    default:
      return KeysState::kStarting;
  }
}

KeyWatch::KeyWatch(kube::Transport& transport, kube::ApiClient& client, std::string namespace_name,
                   base::Metrics& metrics, const base::Clock& clock, KeyWatchPeriods periods)
    : client_(client),
      namespace_name_(std::move(namespace_name)),
      clock_(clock),
      periods_(periods),
      // A Key that cannot be decoded any more counts as deleted, as a Client does.
      informer_(transport, namespace_name_, "", metrics, {.forget_undecodable = true}) {
  informer_.add_index(kIssuedIndex, issued_keys);
}

void KeyWatch::start() {
  thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
}

void KeyWatch::stop() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
  informer_.stop();
}

KeysState KeyWatch::state() const {
  const KeysState before = before_;
  if (before != KeysState::kKnown) return before;
  if (!informer_.synced()) return KeysState::kStarting;
  return clock_.steady() - informer_.last_contact() > kKeysHold ? KeysState::kSilent : KeysState::kKnown;
}

void KeyWatch::run(std::stop_token stop) {
  if (!begin(stop)) return;
  while (base::sleep_for(stop, periods_.write)) write(stop);
  if (!failing_) write({});
}

// Waits until the API server lists Keys, and starts the informer. False if stop was requested first.
bool KeyWatch::begin(std::stop_token stop) {
  for (;;) {
    const KeysState state = state_of_list(client_.list(job::Key::kType, namespace_name_, {.limit = 1}, stop));
    if (stop.stop_requested()) return false;
    if (state == KeysState::kKnown) {
      informer_.start();
      before_ = KeysState::kKnown;
      return true;
    }
    const bool says_no = state != KeysState::kStarting;
    if (says_no && before_ != state) {
      base::log_warning("API keys can't be managed by REST, and keys that leaders made are not known",
                        {{"reason", why_no_issued_keys(state)}});
    }
    // A server that has told why it has none goes on with that while the API server does not answer.
    if (says_no) before_ = state;
    if (!base::sleep_for(stop, says_no ? periods_.look_again : periods_.ask_again)) return false;
  }
}

void KeyWatch::write(std::stop_token stop) {
  const auto failure = write_uses(uses_, informer_.store(), client_, namespace_name_, kMostWrites, std::move(stop));
  const bool failed = failure && failure->code != kube::ErrorCode::kCancelled;
  if (failed && !failing_) {
    base::log_warning("status.lastUsedTime of Keys is not written; it is tried again",
                      {{"code", to_string(failure->code)}, {"error", failure->message}});
  }
  failing_ = failed;
}

}  // namespace vbrain::api
