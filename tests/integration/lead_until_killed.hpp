#pragma once

#include <string>

namespace vbrain::testing {

// Code of the process that a test of the elector starts and kills: it leads as "victim". It ends by itself only if it
// can't start, or after five minutes, in case the test has died first.
int lead_until_killed(const std::string& kubeconfig, const std::string& ns);

}  // namespace vbrain::testing
