#pragma once

#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <stdexcept>
#include <vector>

namespace vbrain::testing {

// The user of vBrain's own pods (helm/vbrain/templates/_helpers.tpl), and of pods of jobs unless their template sets
// another.
inline constexpr uid_t kPodUser = 65'532;
inline constexpr gid_t kVolumeGroup = 2'000;
// An application whose template sets runAsUser.
inline constexpr uid_t kOtherUser = 1'000;

// Gives this thread the file access rights of a process in a pod: its user and group are `user`, it is a member of the
// volume's group, and it has no rights of root. Does nothing if the tests do not run as root: then they run as one user
// in any case, see differs().
class PodUser {
 public:
  explicit PodUser(uid_t user = kPodUser) {
    if (geteuid() != 0) return;
    groups_.resize(static_cast<std::size_t>(getgroups(0, nullptr)));
    if (getgroups(static_cast<int>(groups_.size()), groups_.data()) < 0) throw std::runtime_error("getgroups");
    set_groups({kVolumeGroup});
    group_ = static_cast<gid_t>(setfsgid(user));
    user_ = static_cast<uid_t>(setfsuid(user));
  }
  ~PodUser() {
    if (geteuid() != 0) return;
    setfsuid(user_);
    setfsgid(group_);
    set_groups(groups_);
  }
  PodUser(const PodUser&) = delete;
  PodUser& operator=(const PodUser&) = delete;

  // True if two objects for different users really have different users.
  static bool differs() { return geteuid() == 0; }

 private:
  // The C library's setgroups() would change all threads.
  static void set_groups(const std::vector<gid_t>& groups) {
    if (syscall(SYS_setgroups, groups.size(), groups.data()) != 0) throw std::runtime_error("setgroups");
  }

  std::vector<gid_t> groups_;
  gid_t group_ = 0;
  uid_t user_ = 0;
};

}  // namespace vbrain::testing
