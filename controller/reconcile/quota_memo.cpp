#include "controller/reconcile/quota_memo.hpp"

namespace vbrain::controller {
namespace {

constexpr std::chrono::seconds kMoment{2};

}  // namespace

std::optional<PodRefusal> QuotaMemo::look(const std::string& application, base::SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(application);
  if (found == entries_.end()) return std::nullopt;
  if (now < found->second.until) return found->second.refusal;
  entries_.erase(found);
  return std::nullopt;
}

void QuotaMemo::note_refused(const std::string& application, const PodRefusal& refusal, base::SteadyPoint now) {
  const std::lock_guard lock(mutex_);
  entries_[application] = {refusal, now + kMoment};
}

void QuotaMemo::note_created(const std::string& application) {
  const std::lock_guard lock(mutex_);
  entries_.erase(application);
}

}  // namespace vbrain::controller
