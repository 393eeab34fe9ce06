#include "api-server/live/volume_logs.hpp"

#include <cerrno>
#include <optional>

#include "artifacts/store/store.hpp"
#include "base/io.hpp"

namespace vbrain::api {
namespace {

constexpr const char* kLogFiles[] = {"logs/stdout.log", "logs/stderr.log"};  // NOLINT

std::optional<artifacts::OpenFile> open_log(const artifacts::Store& volume, const base::Tenant& tenant,
                                            const std::string& job_id, int attempt, LogStream which) {
  try {
    const auto folder = volume.open_attempt(tenant, job_id, attempt);
    if (!folder) return std::nullopt;
    return folder->open_file(kLogFiles[static_cast<std::size_t>(which)]);
  } catch (const artifacts::UnsafeFile&) {
    return std::nullopt;
  }
}

}  // namespace

std::uint64_t VolumeLogs::size(int attempt, LogStream which) {
  const auto file = open_log(volume_, tenant_, job_id_, attempt, which);
  return file ? file->size : 0;
}

std::string VolumeLogs::read(int attempt, LogStream which, std::uint64_t from, std::size_t most) {
  const auto file = open_log(volume_, tenant_, job_id_, attempt, which);
  if (!file) return {};
  std::string bytes(most, '\0');
  const ssize_t got = base::read_full_at(file->fd.get(), bytes, from);
  if (got < 0) throw artifacts::VolumeError(errno, "read a log");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

}  // namespace vbrain::api
