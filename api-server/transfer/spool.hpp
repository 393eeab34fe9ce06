#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "artifacts/archive/archive_writer.hpp"
#include "artifacts/store/layout.hpp"
#include "artifacts/store/safe_open.hpp"

namespace vbrain::artifacts {
class Store;
}

namespace vbrain::api {

// Room for archives in the pod's own temporary folder, which is small and must not fill up: the kubelet would end the
// pod. Thread-safe.
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

// An archive on its way to a client, in a file without a name: gone with its last reader, whatever happens to us.
struct Spooled {
  artifacts::Fd file;
  artifacts::ArchiveWriter::Added totals;
  std::shared_ptr<void> hold;  // to be kept as long as the file
};

// Writes what is to be read: gives its bytes to the sink. May be called twice. Nothing: there is nothing to write.
using ArchiveMaker =
    std::function<std::optional<artifacts::ArchiveWriter::Added>(const artifacts::ArchiveWriter::Sink&)>;

// Has the archive made on the tenant's part of the volume or, when that takes nothing since it is full or read-only, in
// the local temporary folder: reading is to go on. Throws VolumeError, the volume's if neither has room.
std::optional<Spooled> spool(const artifacts::Store& volume, const artifacts::Tenant& tenant, LocalSpace& local,
                             const ArchiveMaker& make);

}  // namespace vbrain::api
