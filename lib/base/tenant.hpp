#pragma once

#include <compare>
#include <string>

namespace vbrain::base {

// Whose files and jobs: one Client resource stands for each tenant. The names are as users write them (UTF-8, accents
// and slashes included), never encoded.
struct Tenant {
  std::string organization;
  std::string application;
  std::string client;

  auto operator<=>(const Tenant&) const = default;
};

}  // namespace vbrain::base
