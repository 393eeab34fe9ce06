#include "runner/process/memory.hpp"

#include <fstream>

namespace vbrain::runner {

std::uint64_t count_oom_kills(const std::string& cgroup) {
  for (const char* name : {"/memory.events", "/memory/memory.oom_control"}) {
    std::ifstream file(cgroup + name);
    std::string key;
    std::uint64_t value = 0;
    while (file >> key >> value) {
      if (key == "oom_kill") return value;
    }
  }
  return 0;
}

}  // namespace vbrain::runner
