#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "api-server/answers/tenant_budget.hpp"
#include "artifacts/archive/archive_writer.hpp"
#include "artifacts/files/safe_open.hpp"
#include "artifacts/store/layout.hpp"
#include "base/log/request_ids.hpp"

namespace vbrain::artifacts {
class Store;
}

namespace vbrain::api {

// Limits what the archives take that are made for answers, until their last byte is sent: clients may read slowly.
// Thread-safe.
class SpoolSpace {
 public:
  // `volume_bytes`: on the shared volume, outside of the tenants' quotas; one tenant has half of them. `local_bytes`:
  // in the pod's temporary folder; the kubelet evicts the pod if the folder grows too large.
  SpoolSpace(std::uint64_t volume_bytes, std::uint64_t local_bytes)
      : on_volume_(volume_bytes, volume_bytes / 2, 0), left_(static_cast<std::int64_t>(local_bytes)) {}

  // What one archive takes on the volume, given back at its end.
  class VolumeShare {
   public:
    VolumeShare(SpoolSpace& space, const artifacts::Tenant& tenant)
        : space_(space), tenant_(tenant), share_(space.on_volume_, tenant) {}
    // Throws TenantLimit if the tenant would have too much, artifacts::VolumeError (ENOSPC) if all together would.
    void take(std::size_t bytes);

   private:
    SpoolSpace& space_;
    const artifacts::Tenant tenant_;
    TenantBudget::Share share_;
    std::uint64_t bytes_ = 0;
  };

  // The same in the local folder.
  class LocalShare {
   public:
    explicit LocalShare(SpoolSpace& space) : space_(space) {}
    LocalShare(const LocalShare&) = delete;
    ~LocalShare() { space_.left_ += held_; }
    // Throws artifacts::VolumeError (ENOSPC) if there is no more room.
    void take(std::size_t bytes);

   private:
    SpoolSpace& space_;
    std::int64_t held_ = 0;
  };

 private:
  TenantBudget on_volume_;
  std::atomic<std::int64_t> left_;
};

// An archive that is sent to a client, in a file without a name. The system removes the file when it is closed, also
// after a crash.
struct Spooled {
  artifacts::Fd file;
  artifacts::ArchiveWriter::Added totals;
  std::shared_ptr<void> hold;  // to be kept as long as the file
  bool local = false;          // in the pod's temporary folder, which has little room
};

// Gives the bytes of the archive to the sink. May be called twice. Nothing: there is no such archive.
using ArchiveMaker =
    std::function<std::optional<artifacts::ArchiveWriter::Added>(const artifacts::ArchiveWriter::Sink&)>;

// Makes the archive in the tenant's folder on the volume. If the volume is full or read-only, it is made in the local
// temporary folder, so that reading goes on. Throws the volume's VolumeError if neither has room, and TenantLimit.
// `ids`: of the request, for log lines.
std::optional<Spooled> spool(const artifacts::Store& volume, const artifacts::Tenant& tenant, SpoolSpace& local,
                             const ArchiveMaker& make, const base::RequestIds& ids);

}  // namespace vbrain::api
