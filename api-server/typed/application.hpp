#pragma once

#include <memory>

#include "api-server/routes/call.hpp"
#include "api-server/services.hpp"
#include "artifacts/store/layout.hpp"

namespace vbrain::api {

// The Application that the tenant's jobs run: of several with its id the oldest, as in the controller. Null if there is
// none, or if it is not open to the organization.
std::shared_ptr<const job::Application> application_of(const Services& services, const artifacts::Tenant& tenant);

// GET /application, for whoever may read the usage of the tenant.
http::Task<Answer> get_application(Call& call);

}  // namespace vbrain::api
