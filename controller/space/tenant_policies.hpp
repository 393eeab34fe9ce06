#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
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

  // As the API server has them now, past the caches. Where an object cannot be decoded, its application or its tenant
  // has no limits; an error if it names none. Blocks.
  static kube::KubeResult<TenantPolicies> read(kube::ApiClient& client, const std::string& ns, std::stop_token stop);

  // Of the tenant with this folder. Of several Clients of a tenant the oldest one's retention applies.
  Policy of(const std::string& path) const;
  // The folders of all Clients' tenants.
  const std::map<std::string, Clients>& clients() const { return clients_; }

 private:
  std::map<std::string, Applications> applications_;  // by applicationId
  std::map<std::string, Clients> clients_;            // by layout::tenant()
  // Those named by an object that cannot be decoded.
  std::set<std::string> unknown_applications_;
  std::set<std::string> unknown_tenants_;  // layout::tenant()
};

// The tenant that the spec of a Client or a Job names, also of one that cannot be decoded as a whole: absent names are
// empty. Nothing if there is no spec. Pure.
std::optional<artifacts::Tenant> named_tenant(const nlohmann::json& object);

// The tenant of a Client; nothing if its names cannot be used on the volume. Pure.
std::optional<artifacts::Tenant> tenant_of(const job::Client& client);

}  // namespace vbrain::controller
