#include "controller/space/tenant_policies.hpp"

#include "controller/reconcile/admission.hpp"
#include "job/oldest.hpp"

namespace vbrain::controller {

std::optional<artifacts::Tenant> tenant_of(const job::Client& client) {
  if (!artifacts::is_name(client.organization_id) || !artifacts::is_name(client.application_id) ||
      !artifacts::is_name(client.client_id)) {
    return std::nullopt;
  }
  return artifacts::Tenant{
      .organization = client.organization_id, .application = client.application_id, .client = client.client_id};
}

TenantPolicies::TenantPolicies(const kube::Cache<job::Application>& applications,
                               const kube::Cache<job::Client>& clients)
    : applications_(applications) {
  for (const auto& client : clients.list()) {
    if (const auto tenant = tenant_of(*client)) clients_[artifacts::layout::tenant(*tenant)].push_back(client);
  }
}

TenantPolicies::Policy TenantPolicies::of(const std::string& path) const {
  Policy policy;
  const auto found = clients_.find(path);
  if (found != clients_.end()) {
    policy.clients = found->second;
    policy.tenant = tenant_of(*policy.clients.front());
    policy.retention = job::oldest(policy.clients)->retention;
  } else {
    policy.tenant = artifacts::layout::tenant_of(path);
  }
  if (!policy.tenant) return policy;
  if (const auto application = find_application(applications_, policy.tenant->application)) {
    policy.retention = job::stricter(policy.retention, application->retention);
  }
  return policy;
}

}  // namespace vbrain::controller
