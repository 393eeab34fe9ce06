#include "artifacts/sync_group.hpp"

#include <sys/stat.h>

#include <cerrno>

namespace vbrain::artifacts {

void SyncGroup::sync(const Dir& folder) {
  struct stat found {};
  if (fstat(folder.fd(), &found) != 0) throw VolumeError(errno, "stat folder");
  std::unique_lock lock(mutex_);
  const auto it = slots_.try_emplace({found.st_dev, found.st_ino}).first;
  Slot& slot = it->second;
  ++slot.users;
  const std::uint64_t mine = ++slot.asked;
  const auto leave = [&] {
    if (--slot.users == 0) slots_.erase(it);
  };
  while (slot.synced < mine) {
    if (slot.running) {
      slot.changed.wait(lock);
      continue;
    }
    const std::uint64_t upto = slot.asked;
    slot.running = true;
    lock.unlock();
    try {
      folder.sync();
    } catch (...) {
      // The others are not done: each tries on its own descriptor, which the kernel tells of the error once too.
      lock.lock();
      slot.running = false;
      slot.changed.notify_all();
      leave();
      throw;
    }
    lock.lock();
    slot.running = false;
    slot.synced = upto;
    slot.changed.notify_all();
  }
  leave();
}

}  // namespace vbrain::artifacts
