#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "api-server/errors.hpp"
#include "http/message/message.hpp"

namespace vbrain::api {

// Method and path of a route. `path` has segments like "/api/v1/job/:id/result"; a segment that starts with a colon
// takes any one segment. A last segment that starts with an asterisk takes all that follows, one byte at least, slashes
// too. A route with fixed segments only goes before one with such segments.
struct RoutePattern {
  http::Method method;
  std::string_view path;
};

struct RouteMatch {
  std::size_t index = 0;
  std::string_view id;    // the segment of the colon, as sent, not percent-decoded: ids have no such characters
  std::string_view rest;  // what the asterisk took, as sent, not percent-decoded; empty: the route has none
};

// The route of a request, or 404, or 405 with the methods that the path knows. HEAD goes where GET goes. A target
// that is no path (CONNECT) is 405 with all methods. Pure.
Result<RouteMatch, Refusal> match_route(std::span<const RoutePattern> routes, http::Method method,
                                        std::string_view path);

// The value of parameter `name` in a query, percent-decoded ('+' is a space). Empty optional if absent; a refusal if
// it appears twice or badly encoded.
Result<std::optional<std::string>, Refusal> query_parameter(std::string_view query, std::string_view name);

// The refusal of a query with a parameter that is none of `known`; it names the nearest one. Nothing: all are known.
std::optional<Refusal> check_query(std::string_view query, std::span<const std::string_view> known);

}  // namespace vbrain::api
