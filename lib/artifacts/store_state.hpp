#pragma once

#include "artifacts/safe_open.hpp"
#include "artifacts/store.hpp"
#include "artifacts/sync_group.hpp"

namespace vbrain::artifacts {

struct Store::State {
  explicit State(Dir folder) : root(std::move(folder)) {}
  Dir root;
  SyncGroup syncs;
};

// A name that nobody else has: 128 random bits in hex.
std::string random_name();

}  // namespace vbrain::artifacts
