#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "artifacts/store/layout.hpp"
#include "base/text/percent.hpp"

namespace vbrain::testing {

// The name that artifacts::encode_component made a component of: its inverse, as the proof that no two names share one.
// Nothing for any other text, and for a component that was cut: job.json and repository.json hold the names of those.
inline std::optional<std::string> decode_component(std::string_view component) {
  if (component.size() > 255) return std::nullopt;
  auto name = base::percent_decode(component);
  // Only the one spelling that the encoder makes: "%41" is not an "A", and "~" only marks the cut form.
  if (!name || !artifacts::is_name(*name) || artifacts::encode_component(*name) != component) return std::nullopt;
  return name;
}

}  // namespace vbrain::testing
