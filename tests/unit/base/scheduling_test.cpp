#include "base/threads/scheduling.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <thread>

#include "base/threads/processors.hpp"

namespace vbrain::base {
namespace {

using std::chrono::microseconds;

// Calls `look` on a thread with this scheduling.
template <class F>
void on_thread_with(const Scheduling& scheduling, const F& look) {
  std::jthread([&] {
    apply(scheduling);
    look();
  });
}

bool kernel_has_turns() {
  utsname system{};
  int major = 0;
  int minor = 0;
  if (uname(&system) != 0 || std::sscanf(system.release, "%d.%d", &major, &minor) != 2) return false;
  return major > 6 || (major == 6 && minor >= 12);
}

// The length of this thread's turns in ns, as sched_getattr(2) says it.
std::uint64_t turn_of_this_thread() {
  struct {
    std::uint32_t size, policy;
    std::uint64_t flags;
    std::int32_t nice;
    std::uint32_t priority;
    std::uint64_t runtime, deadline, period;
  } attributes{};
  EXPECT_EQ(syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0U), 0);
  return attributes.runtime;
}

int nice_of_this_thread() {
  return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid()));
}

TEST(Scheduling, SetsPriorityAndTurnOfOneThread) {
  on_thread_with({.nice = 7, .turn = microseconds(200)}, [] {
    EXPECT_EQ(nice_of_this_thread(), 7);
    if (kernel_has_turns()) EXPECT_EQ(turn_of_this_thread(), 200'000U);
  });
  EXPECT_NE(nice_of_this_thread(), 7);
}

TEST(Scheduling, ATurnAloneKeepsThePriority) {
  const int before = nice_of_this_thread();
  on_thread_with({.turn = microseconds(100)}, [&] { EXPECT_EQ(nice_of_this_thread(), before); });
}

// What Linux counts when a thread leaves its processor by itself.
long times_given(const Scheduling& scheduling) {
  rusage before{};
  rusage after{};
  on_thread_with(scheduling, [&] {
    // Another thread on the same processor: without one there is nobody to give way to.
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
    std::jthread other([](const std::stop_token& ended) {
      while (!ended.stop_requested()) continue;
    });
    getrusage(RUSAGE_THREAD, &before);
    for (int i = 0; i < 1000; ++i) give_way();
    getrusage(RUSAGE_THREAD, &after);
  });
  return after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw;
}

TEST(Scheduling, OnlyAThreadThatGivesWayDoes) {
  EXPECT_GE(times_given({.gives_way = true}), 10);
  EXPECT_LT(times_given({}), 10);
}

TEST(Processors, AreAtLeastOne) {
  EXPECT_GE(usable_processors(), 1U);
}

TEST(Processors, ReadsTheLimitOfACgroup) {
  struct Case {
    const char* text;
    std::optional<double> limit;
  };
  for (const Case& one : std::to_array<Case>({{"max 100000\n", std::nullopt},
                                              {"200000 100000\n", 2.0},
                                              {"50000 100000\n", 0.5},
                                              {"-1\n 100000\n", std::nullopt},
                                              {"150000\n 100000\n", 1.5},
                                              {"100000 0\n", std::nullopt},
                                              {" ", std::nullopt},
                                              {"", std::nullopt}})) {
    EXPECT_EQ(parse_cpu_max(one.text), one.limit) << one.text;
  }
}

}  // namespace
}  // namespace vbrain::base
