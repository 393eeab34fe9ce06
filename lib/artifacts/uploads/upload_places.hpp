#pragma once

#include <string>

#include "artifacts/store/layout.hpp"

// Where uploads are. For this folder only.
namespace vbrain::artifacts::upload_places {

inline constexpr const char* kFolder = ".uploads";
inline constexpr const char* kUsed = ".used";

inline std::string folder_of(const Tenant& tenant) {
  return layout::tenant(tenant) + "/" + kFolder;
}

}  // namespace vbrain::artifacts::upload_places
