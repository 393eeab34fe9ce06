#include "api-server/answers/tenant_budget.hpp"

#include <algorithm>

namespace vbrain::api {

void TenantBudget::Share::cover(std::size_t bytes) {
  if (bytes <= budget_->free_ || bytes <= held_) return;
  const std::uint64_t more = bytes - held_;
  const std::lock_guard lock(budget_->mutex_);
  const auto found = budget_->held_.find(tenant_);
  const std::uint64_t of_tenant = found == budget_->held_.end() ? 0 : found->second;
  if (of_tenant + more > budget_->tenant_bytes_) throw TenantFull(budget_->tenant_bytes_);
  if (more > budget_->left_) throw http::Overloaded();
  budget_->held_[tenant_] = of_tenant + more;
  budget_->left_ -= more;
  held_ = bytes;
}

void TenantBudget::Share::settle(std::size_t bytes) {
  const std::uint64_t wanted = bytes <= budget_->free_ ? 0 : bytes;
  if (wanted >= held_) return;
  const std::uint64_t less = held_ - wanted;
  const std::lock_guard lock(budget_->mutex_);
  const auto found = budget_->held_.find(tenant_);
  found->second -= less;
  if (found->second == 0) budget_->held_.erase(found);
  budget_->left_ += less;
  held_ = wanted;
}

bool TenantBudget::tenant_has_room(const base::Tenant& tenant, std::uint64_t bytes) const {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(tenant);
  return (found == held_.end() ? 0 : found->second) + bytes <= tenant_bytes_;
}

std::uint64_t TenantBudget::room(const base::Tenant& tenant) const {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(tenant);
  return std::min(left_, tenant_bytes_ - (found == held_.end() ? 0 : found->second));
}

std::uint64_t tenant_json_memory(std::uint64_t max_json_memory, std::uint64_t max_json_bytes) {
  return std::max(max_json_memory / 2, 2 * max_json_bytes);
}

void hold_until_sent(http::Reply& reply, TenantBudget::Share share) {
  share.settle(reply.body_size());
  reply.hold = std::make_shared<TenantBudget::Share>(std::move(share));
}

http::Reply held_json(TenantBudget::Share share, const std::string& json) {
  share.cover(json.size());
  http::Reply reply = json_reply(200, json);
  hold_until_sent(reply, std::move(share));
  return reply;
}

}  // namespace vbrain::api
