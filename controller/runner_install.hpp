#pragma once

#include <string>

#include "artifacts/store/store.hpp"

namespace vbrain::controller {

// Copies the runner to the volume, where job pods mount it, and returns its path below the volume's root:
// bin/<version>-<first 12 hex of a SHA-256 over names and bytes>. So the content of a folder never changes: running
// pods keep their runner, and two builds of one version use different folders. Several controllers may do this at once.
// Throws artifacts::VolumeError, or std::runtime_error if `source` (runner, lib/) can't be read.
std::string install_runner(const artifacts::Store& store, const std::string& source);

// The name of the folder for the content of `source`.
std::string runner_version(const std::string& source);

}  // namespace vbrain::controller
