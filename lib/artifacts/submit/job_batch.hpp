#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/records/job_file.hpp"
#include "artifacts/scans/store_scan.hpp"
#include "artifacts/store/store.hpp"
#include "base/result.hpp"
#include "base/time/clock.hpp"

// Jobs of one repository that are published all or not at all. They are staged together, synced with one syncfs(2) and
// committed with one rename to tenants/<…>/.batches/<repository_id>-<batch id>. From then on they are accepted. The
// second step moves them to their places; after a crash the controller repeats it.
// docs/decisions/0037-batches.md
namespace vbrain::artifacts {

// How the publication of a batch ended.
enum class BatchOutcome {
  kPublished,
  kDone,          // an earlier call with this id has completed (mark_key_done); nothing was published
  kNoRepository,  // the repository does not exist, or it was deleted meanwhile: none of the jobs exists
};

// Publishes the jobs of `next()`, which is called until it returns null: the text of one after the other, so that they
// need not be in memory together. All are of `tenant` and `repository_id`, with the input of the repository. `id`
// (is_job_folder_name()) is unique in the tenant; with the same id and jobs the call may be repeated, also at the same
// time. Blocks on the volume. Throws VolumeError: if `committed` is true then, the jobs are accepted and will appear;
// otherwise there are none. Throws TooLarge if one job or all together have too many bytes. `ids` as those of Store.
BatchOutcome publish_batch(const Store& store, const Tenant& tenant, std::string_view repository_id,
                           std::string_view id, const std::function<const JobFile*()>& next, bool& committed,
                           const base::RequestIds& ids = {});

// Whether a batch of this id is committed, and not all of its jobs are known to have their places.
bool is_batch_under_way(const Store& store, const Tenant& tenant, std::string_view id);

// The second step for a batch that is committed; nothing is left to do if all of its jobs have their places.
BatchOutcome finish_batch(const Store& store, const Tenant& tenant, std::string_view repository_id, std::string_view id,
                          const base::RequestIds& ids = {});

// The bytes of all job.json together, about as publish_batch() writes them. Throws TooLarge if they are too many for
// it. Reads and writes nothing.
std::uint64_t check_batch_size(const std::function<const JobFile*()>& next);

// The limit of all job.json of a batch together.
inline constexpr std::size_t kBatchLimit = 64U << 20;

// Completes the batches that have not changed since `before`, until `stop`. Returns how many. Throws only exceptions of
// `unreadable`.
std::size_t finish_batches(const Store& store, base::TimePoint before, const OnUnreadable& unreadable,
                           std::stop_token stop);

}  // namespace vbrain::artifacts
