#include "controller/reconcile/quota_memo.hpp"

namespace vbrain::controller {
namespace {

constexpr std::chrono::seconds kMoment{2};

}  // namespace

std::optional<Failure> QuotaMemo::look(const std::string& application, base::SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  const auto found = full_until_.find(application);
  if (found == full_until_.end()) return std::nullopt;
  if (now < found->second) {
    return Failure{.reason = "QuotaExceeded",
                   .message = "it has no room for another pod of Application '" + application + "'",
                   .capacity = true};
  }
  full_until_.erase(found);
  return std::nullopt;
}

void QuotaMemo::note_full(const std::string& application, base::SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  full_until_[application] = now + kMoment;
}

void QuotaMemo::note_created(const std::string& application) {
  const std::lock_guard lock(mutex_);
  full_until_.erase(application);
}

}  // namespace vbrain::controller
