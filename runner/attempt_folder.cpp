#include "runner/attempt_folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "artifacts/files/access.hpp"
#include "artifacts/store/layout.hpp"
#include "base/files/io.hpp"

namespace vbrain::runner {
namespace {

using artifacts::Dir;
using artifacts::Fd;
using artifacts::LeftOut;
using artifacts::VolumeError;

namespace layout = artifacts::layout;

// Maximum number of entries of one folder that are processed, because an application can create millions.
constexpr std::size_t kEntries = 10'000;

struct stat status_of(int fd) {
  struct stat found {};
  if (fstat(fd, &found) != 0) throw VolumeError(errno, "stat the attempt's folder");
  return found;
}

bool is_same(const struct stat& left, const struct stat& right) {
  return left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

// The current name of an open folder in `parent`; empty if it has none.
std::string find_name(const Dir& parent, const struct stat& wanted) {
  for (const Dir::Entry& entry : parent.list(kEntries)) {
    const auto found = parent.status(entry.name);
    if (found && is_same(*found, wanted)) return entry.name;
  }
  return {};
}

void copy_to(const Dir& folder, const std::string& name, int file) {
  artifacts::DurableFile copy(folder);
  std::array<char, 64U << 10> block;
  for (std::uint64_t at = 0;;) {
    const ssize_t got = base::read_some_at(file, block, at);
    if (got < 0) throw VolumeError(errno, "read " + name);
    if (got == 0) break;
    artifacts::write_all(copy.fd(), {block.data(), static_cast<std::size_t>(got)});
    at += static_cast<std::uint64_t>(got);
  }
  copy.commit(name);
}

template <class Work>
void noting(LeftOut& left_out, std::string_view name, const Work& work) {
  try {
    work();
  } catch (const VolumeError& error) {
    left_out.add(name, error.what());
  }
}

}  // namespace

AttemptFolder::AttemptFolder(const std::string& path)
    : dir_(artifacts::with_denial_explained(path, [&] { return Dir::open(path); })),
      group_(status_of(dir_.fd()).st_gid) {}

artifacts::ClaimResult AttemptFolder::claim(const artifacts::Claim& mine) {
  claim_ = mine;
  return artifacts::with_denial_explained(artifacts::link_of(dir_.fd()),
                                          [&] { return artifacts::take_claim(dir_, mine); });
}

void AttemptFolder::make_logs() {
  artifacts::with_denial_explained(artifacts::link_of(dir_.fd()), [&] { return dir_.make_new(layout::kLogs); });
  logs_ = std::make_unique<Dir>(dir_.at(layout::kLogs));
}

Fd AttemptFolder::new_log(const std::string& name) {
  auto file =
      artifacts::with_denial_explained(artifacts::link_of(logs_->fd()), [&] { return logs_->create_file(name); });
  if (!file) throw VolumeError(EEXIST, "create " + name);
  files_.push_back({name, std::move(logs_->open_file(name)->fd)});
  return std::move(*file);
}

void AttemptFolder::restore(const std::vector<std::string>& copies, LeftOut& left_out) {
  // Only the owner of the folder can change its mode. Another user could not have changed it before, either.
  artifacts::restore_access(dir_.fd(), group_);
  artifacts::restore_access(logs_->fd(), group_);
  noting(left_out, layout::kClaim, [&] { restore_claim(); });
  noting(left_out, layout::kLogs, [&] { restore_logs_folder(); });
  noting(left_out, "", [&] {
    remove_others(dir_, "", {std::string(layout::kClaim), std::string(layout::kLogs)}, left_out);
  });
  std::vector<std::string> ours = copies;
  for (const std::string& copy : copies) artifacts::restore_access_at(logs_->fd(), copy, group_);
  for (const Log& log : files_) ours.push_back(log.name);
  noting(left_out, layout::kLogs, [&] { remove_others(*logs_, "logs/", ours, left_out); });
  for (const Log& log : files_) noting(left_out, log.name, [&] { restore_log(log); });
}

// Prevents a second pod of this attempt.
void AttemptFolder::restore_claim() {
  const std::string name(layout::kClaim);
  const auto found = dir_.status(name);
  if (found && S_ISREG(found->st_mode)) {
    artifacts::restore_access_at(dir_.fd(), name, group_);
    return;
  }
  dir_.remove_tree(name);
  artifacts::take_claim(dir_, claim_);
}

void AttemptFolder::restore_logs_folder() {
  const std::string name(layout::kLogs);
  const struct stat ours = status_of(logs_->fd());
  const auto found = dir_.status(name);
  if (found && is_same(*found, ours)) return;
  dir_.remove_tree(name);
  if (const std::string now = find_name(dir_, ours); !now.empty()) {
    dir_.move(now, dir_, name);
    return;
  }
  dir_.make_new(name);
  logs_ = std::make_unique<Dir>(dir_.at(name));
}

void AttemptFolder::remove_others(const Dir& folder, const std::string& prefix, const std::vector<std::string>& ours,
                                  LeftOut& left_out) {
  for (const Dir::Entry& entry : folder.list(kEntries)) {
    // .nfs…: what an NFS client keeps of a file that was removed while it was open, until it is closed.
    if (entry.name.starts_with(".nfs") || std::find(ours.begin(), ours.end(), entry.name) != ours.end()) continue;
    const std::string name = prefix + entry.name;
    // The runner's own temporary file after a failed step is not reported.
    if (!entry.name.starts_with(".vbrain-")) left_out.add(name, "removed: only the runner writes to this folder");
    noting(left_out, name, [&] { folder.remove_tree(entry.name); });
  }
}

void AttemptFolder::restore_log(const Log& log) {
  artifacts::restore_access(log.file.get(), group_);
  const struct stat ours = status_of(log.file.get());
  const auto found = logs_->status(log.name);
  // A second name elsewhere would keep the servers from reading it.
  if (found && is_same(*found, ours) && ours.st_nlink == 1) return;
  logs_->remove_tree(log.name);
  copy_to(*logs_, log.name, log.file.get());
}

}  // namespace vbrain::runner
