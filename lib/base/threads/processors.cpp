#include "base/threads/processors.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace vbrain::base {
namespace {

std::string text_of(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::size_t present_processors() {
  cpu_set_t mine;
  // It fails where there are more than 1,024 processors.
  if (sched_getaffinity(0, sizeof mine, &mine) == 0) return std::max(CPU_COUNT(&mine), 1);
  return std::max<std::size_t>(std::thread::hardware_concurrency(), 1);
}

}  // namespace

std::optional<double> parse_cpu_max(std::string_view text) {
  std::istringstream words{std::string(text)};
  double quota = 0;
  double period = 0;
  if (!(words >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

std::size_t usable_processors() {
  const std::size_t present = present_processors();
  // A container sees its own cgroup here. The second is of cgroup version 1, where -1 is no limit.
  auto limit = parse_cpu_max(text_of("/sys/fs/cgroup/cpu.max"));
  if (!limit) {
    limit = parse_cpu_max(text_of("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") + " " +
                          text_of("/sys/fs/cgroup/cpu/cpu.cfs_period_us"));
  }
  if (!limit) return present;
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::ceil(std::min(*limit, 1e6))), 1, present);
}

}  // namespace vbrain::base
