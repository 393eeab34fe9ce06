#include "controller/space/tenant_policies.hpp"

#include <nlohmann/json.hpp>

#include "job/oldest.hpp"
#include "kube/cache/paging.hpp"

namespace vbrain::controller {
namespace {

// `note_unknown` gets the tenant that an object names which cannot be decoded, and says whether that is enough.
template <class T, class NoteUnknown>
kube::KubeResult<std::vector<std::shared_ptr<const T>>> read_all(kube::ApiClient& client, const std::string& ns,
                                                                 const NoteUnknown& note_unknown,
                                                                 std::stop_token stop) {
  std::vector<std::shared_ptr<const T>> all;
  std::optional<kube::Error> failure;
  const auto take = [&](const nlohmann::json& item) {
    try {
      all.push_back(std::make_shared<const T>(T::decode(item)));
    } catch (const kube::DecodeError& error) {
      if (!note_unknown(named_tenant(item).value_or(artifacts::Tenant{}))) {
        failure = kube::malformed_error(error.what());
      }
    }
  };
  const auto done = kube::each_page(
      client, T::kType, ns,
      [&](const nlohmann::json& items) {
        for (const nlohmann::json& item : items) take(item);
        return !failure;
      },
      std::move(stop));
  if (!done) return tl::unexpected(done.error());
  if (failure) return tl::unexpected(*std::move(failure));
  return all;
}

std::optional<artifacts::Tenant> checked(artifacts::Tenant tenant) {
  if (!artifacts::is_name(tenant.organization) || !artifacts::is_name(tenant.application) ||
      !artifacts::is_name(tenant.client)) {
    return std::nullopt;
  }
  return tenant;
}

}  // namespace

std::optional<artifacts::Tenant> named_tenant(const nlohmann::json& object) {
  const nlohmann::json* spec = kube::find_member(object, "spec");
  if (spec == nullptr) return std::nullopt;
  const auto name = [&](const char* key) {
    const nlohmann::json* value = kube::find_member(*spec, key);
    return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
  };
  return artifacts::Tenant{
      .organization = name("organizationId"), .application = name("applicationId"), .client = name("clientId")};
}

std::optional<artifacts::Tenant> tenant_of(const job::Client& client) {
  return checked(
      {.organization = client.organization_id, .application = client.application_id, .client = client.client_id});
}

TenantPolicies::TenantPolicies(const Applications& applications, const Clients& clients) {
  for (const auto& application : applications) applications_[application->application_id].push_back(application);
  for (const auto& client : clients) {
    if (const auto tenant = tenant_of(*client)) clients_[artifacts::layout::tenant(*tenant)].push_back(client);
  }
}

kube::KubeResult<TenantPolicies> TenantPolicies::read(kube::ApiClient& client, const std::string& ns,
                                                      std::stop_token stop) {
  std::set<std::string> unknown_applications;
  std::set<std::string> unknown_tenants;
  const auto note_application = [&](const artifacts::Tenant& named) {
    unknown_applications.insert(named.application);
    return !named.application.empty();
  };
  const auto note_client = [&](const artifacts::Tenant& named) {
    const auto tenant = checked(named);
    if (tenant) unknown_tenants.insert(artifacts::layout::tenant(*tenant));
    return tenant.has_value();
  };
  const auto applications = read_all<job::Application>(client, ns, note_application, stop);
  if (!applications) return tl::unexpected(applications.error());
  const auto clients = read_all<job::Client>(client, ns, note_client, stop);
  if (!clients) return tl::unexpected(clients.error());
  TenantPolicies policies(*applications, *clients);
  policies.unknown_applications_ = std::move(unknown_applications);
  policies.unknown_tenants_ = std::move(unknown_tenants);
  return policies;
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
  if (unknown_tenants_.contains(path) || unknown_applications_.contains(policy.tenant->application)) {
    policy.retention = {};
  }
  return policy;
}

}  // namespace vbrain::controller
