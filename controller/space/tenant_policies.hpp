#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "artifacts/store/layout.hpp"
#include "job/application.hpp"
#include "job/client.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::controller {

// What Applications and Clients say about the folders of tenants: a picture of the caches, made for one walk.
class TenantPolicies {
 public:
  struct Policy {
    std::optional<artifacts::Tenant> tenant;                  // nothing: its names are not known
    std::vector<std::shared_ptr<const job::Client>> clients;  // of this tenant
    job::Retention retention;                                 // the stricter of the Application's and the Client's
  };

  TenantPolicies(const kube::Cache<job::Application>& applications, const kube::Cache<job::Client>& clients);

  // Of the tenant with this folder. Of several Clients of a tenant the oldest one's retention applies.
  Policy of(const std::string& path) const;
  // The folders of all Clients' tenants.
  const std::map<std::string, std::vector<std::shared_ptr<const job::Client>>>& clients() const { return clients_; }

 private:
  const kube::Cache<job::Application>& applications_;
  std::map<std::string, std::vector<std::shared_ptr<const job::Client>>> clients_;  // by layout::tenant()
};

// The tenant of a Client; nothing if its names cannot be used on the volume. Pure.
std::optional<artifacts::Tenant> tenant_of(const job::Client& client);

}  // namespace vbrain::controller
