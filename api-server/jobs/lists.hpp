#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api-server/jobs/dates.hpp"
#include "api-server/services.hpp"
#include "api-server/transfer/json_budget.hpp"
#include "artifacts/store/layout.hpp"

namespace vbrain::api {

// Lists of ids as JSON, ascending: ids that our servers made are then in the order of their time. Both block on the
// volume and throw VolumeError and http::Overloaded. `memory` grows before a list is built.

// The ids of a repository's jobs that were made within `range`. Null: the tenant has no such repository.
std::shared_ptr<const std::string> list_jobs(const Services& services, const artifacts::Tenant& tenant,
                                             std::string_view repository_id, const DateRange& range,
                                             JsonBudget::Share& memory);

// The ids of the tenant's repositories that were made within `range`.
std::shared_ptr<const std::string> list_repositories(const Services& services, const artifacts::Tenant& tenant,
                                                     const DateRange& range, JsonBudget::Share& memory);

// The ids of the JSON list that are `wanted`. Ids are of [a-z0-9-], so nothing in the list is escaped. Pure.
std::string filter_ids(std::string_view list, const std::function<bool(std::string_view)>& wanted);

}  // namespace vbrain::api
