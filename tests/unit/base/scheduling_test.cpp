#include "base/threads/scheduling.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <optional>
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
  const int before = nice_of_this_thread();
  const int lower = std::min(before + 7, 19);
  on_thread_with({.nice = lower, .turn = microseconds(200)}, [&] {
    EXPECT_EQ(nice_of_this_thread(), lower);
    if (kernel_has_turns()) {
      EXPECT_EQ(turn_of_this_thread(), 200'000U);
    }
  });
  EXPECT_EQ(nice_of_this_thread(), before);
}

TEST(Scheduling, ATurnAloneKeepsThePriority) {
  const int lower = std::min(nice_of_this_thread() + 3, 19);
  on_thread_with({.nice = lower}, [&] {
    apply({.turn = microseconds(100)});
    EXPECT_EQ(nice_of_this_thread(), lower);
  });
}

// How often the thread has left its processor after up to 300 calls of give_way(), on a processor that another one
// wants; nothing if the system does not let it stay on one. It stops after 10.
std::optional<long> times_given(const Scheduling& scheduling) {
  std::optional<long> times;
  on_thread_with(scheduling, [&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) return;
    std::jthread other([](const std::stop_token& ended) {
      while (!ended.stop_requested()) continue;
    });
    const auto left_by_itself = [] {
      rusage usage{};
      getrusage(RUSAGE_THREAD, &usage);
      return usage.ru_nvcsw + usage.ru_nivcsw;
    };
    const long before = left_by_itself();
    for (int i = 0; i < 300 && left_by_itself() < before + 10; ++i) give_way();
    times = left_by_itself() - before;
  });
  return times;
}

TEST(Scheduling, OnlyAThreadThatGivesWayDoes) {
  const auto given = times_given({.gives_way = true});
  if (!given) GTEST_SKIP() << "this system does not let a thread stay on one processor";
  EXPECT_GE(*given, 10);
  EXPECT_LT(times_given({}).value_or(0), 10);
}

// Where a turn has no effect a thread that yields would lose a long one.
TEST(Scheduling, GivesWayOnlyWithTheTurnThatWasAskedFor) {
  const auto given = times_given({.turn = microseconds(1), .gives_way = true});  // Linux makes 0.1 ms of it
  if (!given) GTEST_SKIP() << "this system does not let a thread stay on one processor";
  EXPECT_LT(*given, 10);
}

TEST(Processors, AreThoseThatTheThreadMayUse) {
  std::jthread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (sched_setaffinity(0, sizeof one, &one) == 0) {
      EXPECT_EQ(usable_processors(), 1U);
    }
  });
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
