#include "api-server/health.hpp"

namespace vbrain::api {

bool VolumeHealth::good() const {
  const base::SteadyPoint last{base::SteadyPoint::duration(last_good_.load())};
  return last != base::SteadyPoint{} && clock_.steady() - last <= patience_;
}

}  // namespace vbrain::api
