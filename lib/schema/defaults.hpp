#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "schema/node.hpp"
#include "schema/schema.hpp"

namespace vbrain::schema {

// Members that were added, as JSON text without braces, by the pointer to their object.
using Additions = std::map<std::string, std::string, std::less<>>;

// Adds the defaults of the schema to the value, as Schema::complete() says. Throws Work::Exhausted.
Additions add_defaults(const Node& schema, nlohmann::json& value, Work& work);

// The JSON text with the additions, and otherwise unchanged. `text` is valid JSON.
std::string add_to_text(std::string text, const Additions& additions);

}  // namespace vbrain::schema
