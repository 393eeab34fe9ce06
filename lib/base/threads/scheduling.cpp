#include "base/threads/scheduling.hpp"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace vbrain::base {
namespace {

thread_local bool gives_way = false;

// The argument of sched_setattr(2) in its first version. glibc 2.36 has neither it nor the function, and
// <linux/sched/types.h> declares again what <sched.h> does.
struct Attributes {
  std::uint32_t size = sizeof(Attributes);
  std::uint32_t policy = 0;  // SCHED_OTHER
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // ns; for SCHED_OTHER the length of a turn
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};

}  // namespace

void apply(const Scheduling& scheduling) noexcept {
  Attributes attributes;
  const auto read = [&] { return syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0U) == 0; };
  gives_way = false;
  if (!read() || attributes.policy != 0) return;
  // Linux has a priority for each thread.
  if (scheduling.nice != 0) {
    static_cast<void>(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), scheduling.nice));
  }
  const auto turn = static_cast<std::uint64_t>(std::chrono::nanoseconds(scheduling.turn).count());
  if (turn > 0) {
    // With the nice value of now, which is set again.
    if (!read()) return;
    attributes.runtime = turn;
    static_cast<void>(syscall(SYS_sched_setattr, 0, &attributes, 0U));
    if (!read() || attributes.runtime != turn) return;
  }
  gives_way = scheduling.gives_way;
}

void give_way() noexcept {
  if (gives_way) sched_yield();
}

}  // namespace vbrain::base
