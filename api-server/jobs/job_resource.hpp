#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "api-server/services.hpp"
#include "artifacts/records/job_file.hpp"
#include "artifacts/store/layout.hpp"
#include "base/log/request_ids.hpp"
#include "base/result.hpp"
#include "http/task.hpp"
#include "kube/api/error.hpp"

namespace vbrain::api {

// The writes of Job resources. They block on the Kubernetes API: call them on Services::workers. Each is retried a
// few times where that can help. Where the server says when to come back there is no retry: a client should not wait
// that long. `ids`: of the request, for log lines.

struct NotCreated {
  kube::Error error;       // the last try's
  bool may_exist = false;  // one of the tries may have been executed although it failed
};

// Succeeds also if an earlier try of ours was executed although it failed.
Result<void, NotCreated> create_resource(const Services& services, const artifacts::JobFile& file,
                                         const base::RequestIds& ids);

enum class Removal {
  kBegun,   // it has a deletionTimestamp now, or is gone already
  kAbsent,  // the tenant has no such resource: it was archived, is not there yet, or never was
};

// Begins the deletion of the tenant's Job, with its UID as precondition. What the cache lacks is looked up at the API
// server. Another tenant's Job of this name is left alone.
Result<Removal, kube::Error> remove_resource(const Services& services, const artifacts::Tenant& tenant,
                                             std::string_view job_id);

enum class Edit {
  kDone,
  kAbsent,        // the tenant has no such resource: it was archived, or is not there yet
  kBeingDeleted,  // nothing was changed
  kCancelled,     // its spec.cancel is set already; nothing was changed
};

// Merges `spec` into the spec of the tenant's Job, with its UID as precondition; looks things up as remove_resource().
// A job that is being cancelled is changed only if `of_cancelled`.
Result<Edit, kube::Error> edit_resource(const Services& services, const artifacts::Tenant& tenant,
                                        std::string_view job_id, const nlohmann::json& spec, bool of_cancelled);

// How many calls one deletion makes at a time.
inline constexpr std::size_t kResourcesAtOnce = 4;

// remove_resource() for jobs that are marked as deleted and whose resource may have come later. A failure is only
// logged: the marker keeps such a job from running, and the controller removes it.
http::Task<void> remove_leftovers(const Services& services, const artifacts::Tenant& tenant,
                                  const std::vector<std::string>& jobs, const base::RequestIds& ids);

// Asks the API server whether the tenant's Job exists and is not being deleted.
Result<bool, kube::Error> has_live_resource(const Services& services, const artifacts::Tenant& tenant,
                                            std::string_view job_id);

}  // namespace vbrain::api
