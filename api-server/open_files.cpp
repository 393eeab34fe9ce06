#include "api-server/open_files.hpp"

#include <sys/resource.h>

#include <cerrno>
#include <system_error>

namespace vbrain::api {
namespace {

// Of one task: the folders on the way to a file, the file, and one that it is copied to; or a connection to the API.
constexpr std::uint64_t kPerThread = 8;
constexpr std::uint64_t kForTheProgram = 256;

}  // namespace

std::uint64_t needed_descriptors(const Config& config) {
  const std::uint64_t threads =
      config.workers + 2 * config.volume_workers + config.bulk_workers + kListWorkers + config.io_threads;
  return config.max_connections + threads * kPerThread + kForTheProgram;
}

std::string check_descriptors(std::uint64_t limit, const Config& config) {
  const std::uint64_t needed = needed_descriptors(config);
  if (limit >= needed) return "";
  return "the limit of open files (RLIMIT_NOFILE) is " + std::to_string(limit) + ", and max-connections of " +
         std::to_string(config.max_connections) + " needs " + std::to_string(needed) +
         ": raise the hard limit of the container runtime, or lower --max-connections";
}

std::uint64_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::system_error(errno, std::generic_category(), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) throw std::system_error(errno, std::generic_category(), "setrlimit");
  return limit.rlim_cur;
}

}  // namespace vbrain::api
