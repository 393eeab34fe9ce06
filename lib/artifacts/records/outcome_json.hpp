#pragma once

#include <nlohmann/json_fwd.hpp>

#include "artifacts/records/outcome.hpp"

namespace vbrain::artifacts {

// Shared by the codecs of the termination message and of manifest.json.
nlohmann::json outcome_to_json(const Outcome& outcome);

// Throws fields::Malformed.
Outcome outcome_from_json(const nlohmann::json& object);

}  // namespace vbrain::artifacts
