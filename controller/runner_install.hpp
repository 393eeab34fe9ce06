#pragma once

#include <string>

#include "artifacts/store/store.hpp"

namespace vbrain::controller {

// Puts the runner on the volume, where job pods find it, and returns its path below the volume's root:
// bin/<version>-<first 12 hex of a SHA-256 over names and bytes>. A folder's content therefore never changes: pods
// that run keep the runner they began with, and two builds of one version don't fight over a name. Several
// controllers may do it at once. Throws artifacts::VolumeError, or std::runtime_error when `source` (runner, lib/)
// can't be read.
std::string install_runner(const artifacts::Store& store, const std::string& source);

// The name of the folder for what lies in `source`.
std::string runner_version(const std::string& source);

}  // namespace vbrain::controller
