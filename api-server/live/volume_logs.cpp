#include "api-server/live/volume_logs.hpp"

#include <cerrno>
#include <string_view>

#include "artifacts/store/store.hpp"
#include "base/files/io.hpp"

namespace vbrain::api {
namespace {

constexpr std::string_view kStdoutLog = "stdout.log";
constexpr std::string_view kStderrLog = "stderr.log";

}  // namespace

std::optional<artifacts::OpenFile> VolumeLogs::open(int attempt, LogStream which) const {
  std::string path = "logs/";
  path.append(!file_.empty() ? std::string_view(file_) : which == LogStream::kStdout ? kStdoutLog : kStderrLog);
  try {
    const auto folder = volume_.open_attempt(tenant_, job_id_, attempt);
    return folder ? folder->open_file(path) : std::nullopt;
  } catch (const artifacts::UnsafeFile&) {
    return std::nullopt;
  }
}

std::uint64_t VolumeLogs::size(int attempt, LogStream which) {
  const auto file = open(attempt, which);
  return file ? file->size : 0;
}

std::string VolumeLogs::read(int attempt, LogStream which, std::uint64_t from, std::size_t most) {
  const auto file = open(attempt, which);
  if (!file) return {};
  std::string bytes(most, '\0');
  const ssize_t got = base::read_full_at(file->fd.get(), bytes, from);
  if (got < 0) throw artifacts::VolumeError(errno, "read a log");
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

}  // namespace vbrain::api
