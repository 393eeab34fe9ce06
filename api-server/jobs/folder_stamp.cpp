#include "api-server/jobs/folder_stamp.hpp"

#include <chrono>

#include "artifacts/store/store.hpp"

namespace vbrain::api {

std::optional<FolderStamp> stamp_of(const artifacts::Store& volume, const std::string& path) {
  const auto found = volume.root().status(path);
  if (!found) return std::nullopt;
  return FolderStamp{found->st_ino, found->st_mtim.tv_sec, found->st_mtim.tv_nsec, found->st_size};
}

bool is_reliable(const FolderStamp& stamp, base::TimePoint now) {
  constexpr std::chrono::seconds kReliableAfter{2};
  return now.time_since_epoch() - std::chrono::seconds(stamp.seconds) > kReliableAfter;
}

}  // namespace vbrain::api
