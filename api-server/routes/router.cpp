#include "api-server/routes/router.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "base/percent.hpp"

namespace vbrain::api {
namespace {

// Drops the first segment of a path that starts with '/', and returns it.
std::string_view take_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

struct Fit {
  std::string_view id;
  bool exact = true;
};

std::optional<Fit> fit(std::string_view pattern, std::string_view path) {
  Fit result;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view want = take_segment(pattern);
    const std::string_view have = take_segment(path);
    if (want.starts_with(':')) {
      if (have.empty()) return std::nullopt;
      result = {have, false};
    } else if (want != have) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return result;
}

bool serves(http::Method route, http::Method request) {
  return route == request || (route == http::Method::kGet && request == http::Method::kHead);
}

std::string allowed(const std::vector<http::Method>& methods) {
  std::string text;
  for (const http::Method method : methods) {
    text.append(text.empty() ? "" : ", ").append(to_string(method));
    if (method == http::Method::kGet) text.append(", HEAD");
  }
  return text;
}

std::vector<http::Method> methods_of(std::span<const RoutePattern> routes) {
  std::vector<http::Method> methods;
  for (const RoutePattern& route : routes) {
    if (std::ranges::find(methods, route.method) == methods.end()) methods.push_back(route.method);
  }
  return methods;
}

}  // namespace

Result<RouteMatch, Refusal> match_route(std::span<const RoutePattern> routes, http::Method method,
                                        std::string_view path) {
  if (!path.starts_with('/')) {
    // CONNECT names a host instead of a path.
    if (method == http::Method::kOther) return refuse(Problem::kWrongMethod, {}, allowed(methods_of(routes)));
    return refuse(Problem::kNoSuchRoute);
  }
  // A fixed path goes before one with a variable: in /job/execute, "execute" is not a job id.
  bool fixed = false;
  std::vector<http::Method> methods;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const auto found = fit(routes[i].path, path);
    if (!found || (fixed && !found->exact)) continue;
    if (serves(routes[i].method, method)) return RouteMatch{i, found->id};
    fixed = fixed || found->exact;
    methods.push_back(routes[i].method);
  }
  if (methods.empty()) return refuse(Problem::kNoSuchRoute);
  return refuse(Problem::kWrongMethod, {}, allowed(methods));
}

Result<std::optional<std::string>, Refusal> query_parameter(std::string_view query, std::string_view name) {
  std::optional<std::string> found;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const auto equals = pair.find('=');
    if (pair.substr(0, equals) != name) continue;
    auto value =
        base::percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), base::Plus::kSpace);
    if (!value || found) return refuse(Problem::kInvalid, std::string(name));
    found = std::move(value);
  }
  return found;
}

}  // namespace vbrain::api
