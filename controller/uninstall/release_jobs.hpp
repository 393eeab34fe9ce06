#pragma once

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>
#include <vector>

#include "kube/api/api_client.hpp"

namespace vbrain::controller {

// The result of removing vBrain's finalizer from Jobs.
struct Release {
  std::size_t released = 0;          // Jobs
  std::size_t released_clients = 0;  // Clients that were to be purged
  std::size_t refused = 0;           // Jobs and Clients that still carry the finalizer
  std::vector<std::string> reasons;  // for the first few of them: "<job>: <why>" or "Client <name>: <why>"
};

enum class ReleaseScope {
  kAllJobs,
  kMarkedJobs,  // Jobs with a deletionTimestamp
};

struct ReleaseOptions {
  ReleaseScope scope = ReleaseScope::kAllJobs;
  std::chrono::milliseconds between_passes{1'000};
};

// Removes vBrain's finalizer from Jobs of the namespace, so that Jobs, definition and namespace can be deleted when no
// controller removes the finalizers one by one. Other finalizers and the files on the volume stay. It does the same
// for Clients that are to be purged. It patches thirty-two of them at once. It skips Jobs whose patches are refused and
// retries them a few times. If the definition is deleted, there are no Jobs. Blocks. An error means that Jobs could not
// be listed, or `stop` was requested; then some Jobs may have been released. May be repeated.
kube::KubeResult<Release> release_jobs(kube::ApiClient& client, const std::string& ns, const ReleaseOptions& options,
                                       std::stop_token stop);

}  // namespace vbrain::controller
