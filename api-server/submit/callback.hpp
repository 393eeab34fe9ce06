#pragma once

#include <optional>
#include <string>

#include "api-server/errors.hpp"
#include "api-server/services.hpp"
#include "artifacts/store/layout.hpp"
#include "http/task.hpp"

namespace vbrain::api {

// The callback_url of new jobs whose request names none: spec.webhook.url of the tenant's Client; empty: none, or
// webhooks are off. It is the operator's, so it is not checked here. The controller checks each URL before it calls it.
std::string default_callback(const Services& services, const artifacts::Tenant& tenant);

// The callback_url of new jobs. `sent`: what the request names; empty: nothing, then default_callback(). kInvalid, with
// cause and remedy, if it is no URL or names a host that the operator does not allow.
Result<std::string, Refusal> callback_of(const Services& services, const artifacts::Tenant& tenant,
                                         const std::string& sent);

// kUnavailable, with cause and remedy, if the cluster's definition of Job does not know callbackURL: then nobody would
// be told of a job of `caller` whose request names `url`. It is asked by a dry run of a create, which makes nothing,
// and at each request, so that the answer is that of the definition that is there now. Nothing: it knows it, `url` is
// empty, or the API server does not say. Throws http::Overloaded.
http::Task<std::optional<Refusal>> refuse_lost_callback(const Services& services, const Caller& caller,
                                                        const std::string& url);

}  // namespace vbrain::api
