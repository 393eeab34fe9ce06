#pragma once

#include <string>

#include "artifacts/store/layout.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller::testing {

// Where the objects of a World are in its API server.
inline const std::string kApiGroup = "/apis/vbrain.visagio.com/v1";
inline const std::string kJobs = kApiGroup + "/namespaces/vbrain/jobs";
inline const std::string kApplications = kApiGroup + "/namespaces/vbrain/applications";
inline const std::string kClients = kApiGroup + "/namespaces/vbrain/clients";
inline const std::string kSpaces = "/api/v1/namespaces";
inline const std::string kSpace = kSpaces + "/vbrain";
inline const std::string kPods = kSpace + "/pods";
inline const std::string kEvents = "/apis/events.k8s.io/v1/namespaces/vbrain/events";
inline const std::string kJob = kJobs + "/" + kJobId;

// The tenant of its job.
inline artifacts::Tenant tenant() {
  return {.organization = "acme", .application = "Tutorial", .client = "north"};
}

}  // namespace vbrain::controller::testing
