#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "artifacts/archive/archive_writer.hpp"
#include "artifacts/files/safe_open.hpp"
#include "artifacts/store/layout.hpp"

namespace vbrain::artifacts {
class Store;
}

namespace vbrain::api {

// Limits the archives in the pod's temporary folder. The kubelet evicts the pod if the folder grows too large.
// Thread-safe.
class LocalSpace {
 public:
  explicit LocalSpace(std::uint64_t bytes) : left_(static_cast<std::int64_t>(bytes)) {}

  // What one archive takes, given back at its end.
  class Share {
   public:
    explicit Share(LocalSpace& space) : space_(space) {}
    Share(const Share&) = delete;
    ~Share() { space_.left_ += held_; }
    // Throws artifacts::VolumeError (ENOSPC) if there is no more room.
    void take(std::size_t bytes);

   private:
    LocalSpace& space_;
    std::int64_t held_ = 0;
  };

 private:
  std::atomic<std::int64_t> left_;
};

// An archive that is sent to a client, in a file without a name. The system removes the file when it is closed, also
// after a crash.
struct Spooled {
  artifacts::Fd file;
  artifacts::ArchiveWriter::Added totals;
  std::shared_ptr<void> hold;  // to be kept as long as the file
};

// Gives the bytes of the archive to the sink. May be called twice. Nothing: there is no such archive.
using ArchiveMaker =
    std::function<std::optional<artifacts::ArchiveWriter::Added>(const artifacts::ArchiveWriter::Sink&)>;

// Makes the archive in the tenant's folder on the volume. If the volume is full or read-only, it is made in the local
// temporary folder, so that reading goes on. Throws the volume's VolumeError if neither has room.
std::optional<Spooled> spool(const artifacts::Store& volume, const artifacts::Tenant& tenant, LocalSpace& local,
                             const ArchiveMaker& make);

}  // namespace vbrain::api
