#pragma once

#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "artifacts/store/layout.hpp"
#include "job/application.hpp"
#include "job/client.hpp"
#include "kube/api/api_client.hpp"

namespace vbrain::controller {

// What Applications and Clients say about the folders of tenants at one moment.
class TenantPolicies {
 public:
  struct Policy {
    std::optional<artifacts::Tenant> tenant;                  // nothing: its names are not known
    std::vector<std::shared_ptr<const job::Client>> clients;  // of this tenant
    job::Retention retention;                                 // the stricter of the Application's and the Client's
  };

  using Applications = std::vector<std::shared_ptr<const job::Application>>;
  using Clients = std::vector<std::shared_ptr<const job::Client>>;

  TenantPolicies(const Applications& applications, const Clients& clients);

  // As the API server has them now, past the caches. An error also if one of them cannot be decoded. Blocks.
  static kube::KubeResult<TenantPolicies> read(kube::ApiClient& client, const std::string& ns, std::stop_token stop);

  // Of the tenant with this folder. Of several Clients of a tenant the oldest one's retention applies.
  Policy of(const std::string& path) const;
  // The folders of all Clients' tenants.
  const std::map<std::string, Clients>& clients() const { return clients_; }

 private:
  std::map<std::string, Applications> applications_;  // by applicationId
  std::map<std::string, Clients> clients_;            // by layout::tenant()
};

// The tenant of a Client; nothing if its names cannot be used on the volume. Pure.
std::optional<artifacts::Tenant> tenant_of(const job::Client& client);

}  // namespace vbrain::controller
