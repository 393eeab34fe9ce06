#pragma once

#include <string>

namespace vbrain::testing {

// What the process does that a test of the elector starts and kills: leads as "victim". Ends by itself only if it
// can't begin, or after five minutes, should the test have died first.
int lead_until_killed(const std::string& kubeconfig, const std::string& ns);

}  // namespace vbrain::testing
