#pragma once

#include <optional>
#include <string>

#include "schema/node.hpp"

namespace vbrain::schema {

// Reads Document::json and fills the rest. The error is that of Schema::compile(); nothing: it can be used.
std::optional<std::string> compile(Document& document);

}  // namespace vbrain::schema
