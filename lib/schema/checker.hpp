#pragma once

#include <nlohmann/json_fwd.hpp>

#include "schema/node.hpp"
#include "schema/schema.hpp"

namespace vbrain::schema {

// As Schema::check().
Violations check_value(const Node& node, const nlohmann::json& value, Work& work);

}  // namespace vbrain::schema
