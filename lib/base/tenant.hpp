#pragma once

#include <compare>
#include <string>

namespace vbrain::base {

// The owner of files and jobs. Each tenant has one Client resource. The names are as users write them: UTF-8, with
// accents and slashes, not encoded.
struct Tenant {
  std::string organization;
  std::string application;
  std::string client;

  auto operator<=>(const Tenant&) const = default;
};

}  // namespace vbrain::base
