#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "artifacts/files/quick_look.hpp"
#include "artifacts/store/layout.hpp"
#include "base/lru_cache.hpp"
#include "base/time/clock.hpp"
#include "job/job.hpp"
#include "kube/cache/cache.hpp"

namespace vbrain::artifacts {
class Store;
}

namespace vbrain::api {

// Small files of finished jobs in memory, for answers that need no pool. What is sealed never changes, so an entry is
// true as long as its job exists. That is asked at each use: the job's folder on the volume has to be the same with the
// same times (the marker `deleted`, a new record and a removal change it), and so has the Job in the cache of
// resources. A folder that changed less than two seconds ago may change again with the same times and is not
// remembered, as in VolumeView. docs/decisions/0027-answers-from-memory.md. Thread-safe.
class SealedTexts {
 public:
  enum class Kind { kResult, kOutput };
  // Larger files are not kept.
  static constexpr std::size_t kMaxBytes = 64 * 1024;

  struct Text {
    std::string body;
    std::string etag;
  };

  SealedTexts(const artifacts::Store& volume, const kube::Cache<job::Job>& resources, const base::Clock& clock,
              std::size_t max_bytes = 16U << 20);

  // The text, if it is known and the job is as it was. Null: ask the volume. Never blocks. `repository_id` is that of
  // the request; empty: none was sent.
  std::shared_ptr<const Text> find(Kind kind, const artifacts::Tenant& tenant, std::string_view job_id,
                                   std::string_view repository_id);

  // What the job is like now. It has to be taken before the record and the file are read. Nothing: too young to be
  // remembered, or gone. Blocks on the volume.
  struct Seen {
    std::uint64_t inode = 0;
    timespec changed = {};  // the folder's names
    timespec touched = {};  // the folder itself: a rename
    std::string uid;        // of the resource; empty: there is none
    bool is_live = true;    // no resource that is being deleted, and none of another tenant
    bool operator==(const Seen& other) const;
  };
  std::optional<Seen> look(const artifacts::Tenant& tenant, std::string_view job_id) const;

  // Remembers what was read after `seen` was taken. `repository_id` is the job's.
  void keep(Kind kind, const artifacts::Tenant& tenant, std::string_view job_id, Seen seen, std::string repository_id,
            Text text);

 private:
  struct Entry {
    Seen seen;
    std::string repository_id;
    Text text;
  };

  Seen see(const struct stat& folder, const artifacts::Tenant& tenant, std::string_view job_id) const;

  const artifacts::Store& volume_;
  const artifacts::QuickLook quick_;
  const kube::Cache<job::Job>& resources_;
  const base::Clock& clock_;
  base::LruCache<Entry> entries_;
};

}  // namespace vbrain::api
