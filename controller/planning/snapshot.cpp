#include "controller/planning/snapshot.hpp"

#include "job/names.hpp"

namespace vbrain::controller {

const PodSighting* Snapshot::pod_of(int attempt) const {
  const std::string name = job::pod_name(job.meta.name, attempt);
  const PodSighting* found = nullptr;
  for (const PodSighting& sighting : pods) {
    if (sighting.pod->meta.name != name) continue;
    if (found == nullptr || found->gone) found = &sighting;
  }
  return found;
}

}  // namespace vbrain::controller
