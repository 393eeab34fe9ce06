#pragma once

#include <string>
#include <string_view>

namespace vbrain::schema {

// What a `$ref` or `$id` means where `base` is the URI of the schema (RFC 3986 section 5.2, without "." and ".."). An
// empty base: the schema has no URI. Pure.
std::string resolve_uri(std::string_view base, std::string_view reference);

// The URI without its fragment.
std::string_view without_fragment(std::string_view uri);

}  // namespace vbrain::schema
