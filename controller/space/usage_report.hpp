#pragma once

#include <cstdint>
#include <ostream>
#include <stop_token>
#include <string>
#include <vector>

#include "artifacts/scans/store_usage.hpp"

namespace vbrain::controller {

// What one tenant has on the volume.
struct TenantUsage {
  std::string path;  // of its folder
  std::int64_t jobs = 0;
  std::int64_t repositories = 0;
  artifacts::TreeSize stored{};   // of jobs and repositories: what storageQuota limits
  artifacts::TreeSize staging{};  // of uploads under way
  artifacts::TreeSize trash{};    // of what is being removed
};

// A table with a line for each tenant, the largest first, and a line for all. Pure.
std::string render_usage(std::vector<TenantUsage> tenants);

// `controller usage`: measures the whole volume below `root`, needs no Kubernetes API, and writes render_usage() to
// `out`. Unreadable folders are named in the log. Returns the process's exit code: 1 if there were any, or if it was
// stopped; then it writes nothing. Throws artifacts::VolumeError.
int run_usage(const std::string& root, std::ostream& out, std::stop_token stop = {});

}  // namespace vbrain::controller
