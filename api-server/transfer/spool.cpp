#include "api-server/transfer/spool.hpp"

#include <cerrno>
#include <exception>
#include <filesystem>

#include "api-server/errors.hpp"
#include "artifacts/store/store.hpp"
#include "base/log/log.hpp"
#include "http/task.hpp"

namespace vbrain::api {
namespace {

using artifacts::VolumeError;

// Room is taken in pieces of this size, since it costs a lock.
constexpr std::uint64_t kPiece = 1U << 20;

std::optional<Spooled> on_volume(const artifacts::Store& volume, const artifacts::Tenant& tenant, SpoolSpace& space,
                                 const ArchiveMaker& make) {
  // Directly in .staging, which is never removed: a network file system may keep a name for the file until it is
  // closed.
  artifacts::Fd file = artifacts::make_unnamed_file(volume.root().make(artifacts::layout::staging(tenant)));
  const auto share = std::make_shared<SpoolSpace::VolumeShare>(space, tenant);
  auto totals = make([&](std::string_view bytes) {
    share->take(bytes.size());
    artifacts::write_all(file.get(), bytes);
  });
  if (!totals) return std::nullopt;
  return Spooled{.file = std::move(file), .totals = std::move(*totals), .hold = share};
}

std::optional<Spooled> beside_it(SpoolSpace& space, const ArchiveMaker& make) {
  const artifacts::Dir folder = artifacts::Dir::open(std::filesystem::temp_directory_path().string());
  artifacts::Fd file = artifacts::make_unnamed_file(folder);
  const auto share = std::make_shared<SpoolSpace::LocalShare>(space);
  auto totals = make([&](std::string_view bytes) {
    share->take(bytes.size());
    artifacts::write_all(file.get(), bytes);
  });
  if (!totals) return std::nullopt;
  return Spooled{.file = std::move(file), .totals = std::move(*totals), .hold = share, .local = true};
}

}  // namespace

void SpoolSpace::VolumeShare::take(std::size_t bytes) {
  const std::uint64_t before = bytes_;
  bytes_ += bytes;
  const std::uint64_t wanted = (bytes_ / kPiece + 1) * kPiece;
  try {
    share_.cover(wanted);
  } catch (const http::Overloaded&) {
    const std::uint64_t held = before == 0 ? 0 : (before / kPiece + 1) * kPiece;
    if (space_.on_volume_.tenant_has_room(tenant_, wanted - held)) {
      // Others have it. What is small is sent from the local folder.
      throw VolumeError(ENOSPC, "make an archive (--max-spool-bytes)");
    }
    throw TenantLimit(
        "archives for this client that were not read to their end take too much room (--max-spool-bytes); read or "
        "close "
        "the answers that are under way, then repeat this request",
        {.name = "archives", .quota = space_.on_volume_.tenant_bytes(), .unit = kContentBytes});
  }
}

void SpoolSpace::LocalShare::take(std::size_t bytes) {
  const auto more = static_cast<std::int64_t>(bytes);
  if ((space_.left_ -= more) < 0) {
    space_.left_ += more;
    throw VolumeError(ENOSPC, "keep an archive in the local temporary folder");
  }
  held_ += more;
}

std::optional<Spooled> spool(const artifacts::Store& volume, const artifacts::Tenant& tenant, SpoolSpace& space,
                             const ArchiveMaker& make) {
  std::exception_ptr refused;
  try {
    return on_volume(volume, tenant, space, make);
  } catch (const VolumeError& problem) {
    // Only a write fails with these.
    if (!problem.is_full() && problem.code().value() != EROFS) throw;
    refused = std::current_exception();
  }
  try {
    return beside_it(space, make);
  } catch (const std::exception& problem) {
    base::log_warning(
        "no room for an archive in $TMPDIR, and the volume cannot be written; free space on the volume or raise "
        "max-local-spool-bytes",
        {{"error", problem.what()}});
  }
  std::rethrow_exception(refused);
}

}  // namespace vbrain::api
