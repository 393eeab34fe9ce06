#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vbrain::kube {

// Reads a quantity of the Kubernetes API as a number of bytes, rounded up: "64Mi", "1.5Gi", "500M", "1e9", "1024",
// "128974848000m". Returns nothing for any other text, for a negative quantity and for more than 2^63-1. Pure.
std::optional<std::int64_t> parse_quantity(std::string_view text);

// Whether the API server takes `text` as a quantity (apimachinery, api/resource): also negative ones, and the suffixes
// n and u. Pure.
bool is_quantity(std::string_view text);

// Writes a quantity in the largest binary unit that divides it: 100663296 is "96Mi", 1000 is "1000". `bytes` must not
// be negative. Pure.
std::string format_quantity(std::int64_t bytes);

}  // namespace vbrain::kube
