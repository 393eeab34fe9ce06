#include "api-server/transfer/spool.hpp"

#include <cerrno>
#include <exception>
#include <filesystem>

#include "artifacts/store/store.hpp"
#include "base/log/log.hpp"

namespace vbrain::api {
namespace {

using artifacts::VolumeError;

std::optional<Spooled> on_volume(const artifacts::Store& volume, const artifacts::Tenant& tenant,
                                 const ArchiveMaker& make) {
  // Directly in .staging, which is never removed: a network file system may keep a name for the file until it is
  // closed.
  artifacts::Fd file = artifacts::make_unnamed_file(volume.root().make(artifacts::layout::staging(tenant)));
  auto totals = make([&](std::string_view bytes) { artifacts::write_all(file.get(), bytes); });
  if (!totals) return std::nullopt;
  return Spooled{std::move(file), std::move(*totals), nullptr};
}

std::optional<Spooled> beside_it(LocalSpace& local, const ArchiveMaker& make) {
  const artifacts::Dir folder = artifacts::Dir::open(std::filesystem::temp_directory_path().string());
  artifacts::Fd file = artifacts::make_unnamed_file(folder);
  const auto share = std::make_shared<LocalSpace::Share>(local);
  auto totals = make([&](std::string_view bytes) {
    share->take(bytes.size());
    artifacts::write_all(file.get(), bytes);
  });
  if (!totals) return std::nullopt;
  return Spooled{std::move(file), std::move(*totals), share};
}

}  // namespace

void LocalSpace::Share::take(std::size_t bytes) {
  const auto more = static_cast<std::int64_t>(bytes);
  if ((space_.left_ -= more) < 0) {
    space_.left_ += more;
    throw VolumeError(ENOSPC, "keep an archive in the local temporary folder");
  }
  held_ += more;
}

std::optional<Spooled> spool(const artifacts::Store& volume, const artifacts::Tenant& tenant, LocalSpace& local,
                             const ArchiveMaker& make) {
  std::exception_ptr refused;
  try {
    return on_volume(volume, tenant, make);
  } catch (const VolumeError& problem) {
    // Only a write fails with these.
    if (!problem.is_full() && problem.code().value() != EROFS) throw;
    refused = std::current_exception();
  }
  try {
    return beside_it(local, make);
  } catch (const std::exception& problem) {
    base::log_warning(
        "no room for an archive in $TMPDIR, and the volume cannot be written; free space on the volume or raise "
        "max-local-spool-bytes",
        {{"error", problem.what()}});
  }
  std::rethrow_exception(refused);
}

}  // namespace vbrain::api
