#include "controller/space/tenant_policies.hpp"

#include <nlohmann/json.hpp>

#include "job/oldest.hpp"
#include "kube/cache/paging.hpp"

namespace vbrain::controller {
namespace {

template <class T>
kube::KubeResult<std::vector<std::shared_ptr<const T>>> read_all(kube::ApiClient& client, const std::string& ns,
                                                                 std::stop_token stop) {
  std::vector<std::shared_ptr<const T>> all;
  try {
    const auto done = kube::each_page(
        client, T::kType, ns,
        [&](const nlohmann::json& items) {
          for (const nlohmann::json& item : items) all.push_back(std::make_shared<const T>(T::decode(item)));
        },
        std::move(stop));
    if (!done) return tl::unexpected(done.error());
  } catch (const kube::DecodeError& error) {
    return tl::unexpected(kube::malformed_error(error.what()));
  }
  return all;
}

}  // namespace

std::optional<artifacts::Tenant> tenant_of(const job::Client& client) {
  if (!artifacts::is_name(client.organization_id) || !artifacts::is_name(client.application_id) ||
      !artifacts::is_name(client.client_id)) {
    return std::nullopt;
  }
  return artifacts::Tenant{
      .organization = client.organization_id, .application = client.application_id, .client = client.client_id};
}

TenantPolicies::TenantPolicies(const Applications& applications, const Clients& clients) {
  for (const auto& application : applications) applications_[application->application_id].push_back(application);
  for (const auto& client : clients) {
    if (const auto tenant = tenant_of(*client)) clients_[artifacts::layout::tenant(*tenant)].push_back(client);
  }
}

kube::KubeResult<TenantPolicies> TenantPolicies::read(kube::ApiClient& client, const std::string& ns,
                                                      std::stop_token stop) {
  const auto applications = read_all<job::Application>(client, ns, stop);
  if (!applications) return tl::unexpected(applications.error());
  const auto clients = read_all<job::Client>(client, ns, stop);
  if (!clients) return tl::unexpected(clients.error());
  return TenantPolicies(*applications, *clients);
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
  const auto named = applications_.find(policy.tenant->application);
  if (named != applications_.end()) {
    policy.retention = job::stricter(policy.retention, job::oldest(named->second)->retention);
  }
  return policy;
}

}  // namespace vbrain::controller
