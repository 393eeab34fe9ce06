#include "api-server/health.hpp"

#include <filesystem>
#include <utility>

namespace vbrain::api {

bool VolumeHealth::good() const {
  const base::SteadyPoint last{base::SteadyPoint::duration(last_good_.load())};
  return last != base::SteadyPoint{} && clock_.steady() - last <= patience_;
}

VolumeSpace::VolumeSpace(std::string root, base::Metrics& metrics)
    : root_(std::move(root)),
      size_(metrics.gauge("vbrain_volume_size_bytes", "Size of the file system of the shared volume.")),
      available_(metrics.gauge("vbrain_volume_available_bytes", "What is left of it for the servers.")) {}

void VolumeSpace::measure() {
  const std::filesystem::space_info space = std::filesystem::space(root_);
  size_.Set(static_cast<double>(space.capacity));
  available_.Set(static_cast<double>(space.available));
}

}  // namespace vbrain::api
