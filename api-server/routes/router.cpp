#include "api-server/routes/router.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/text/percent.hpp"

namespace vbrain::api {
namespace {

struct Fit {
  std::string_view id;
  std::string_view rest;
  bool exact = true;
};

std::optional<Fit> fit(std::string_view pattern, std::string_view path) {
  Fit result;
  while (!pattern.empty()) {
    if (pattern.front() == ':') {
      // The variable takes one segment.
      const std::string_view have = path.substr(0, path.find('/'));
      if (have.empty()) return std::nullopt;
      result.id = have;
      result.exact = false;
      path.remove_prefix(have.size());
      pattern.remove_prefix(std::min(pattern.find('/'), pattern.size()));
    } else if (pattern.front() == '*') {
      if (path.empty()) return std::nullopt;
      result.rest = path;
      result.exact = false;
      return result;
    } else {
      if (path.empty() || path.front() != pattern.front()) return std::nullopt;
      pattern.remove_prefix(1);
      path.remove_prefix(1);
    }
  }
  if (!path.empty()) return std::nullopt;
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

// The number of characters to insert, remove or replace (Levenshtein), without case.
std::size_t distance(std::string_view from, std::string_view to) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (lower(from[i]) == lower(to[j]) ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

// jQuery and its successors add `_=<time>` so that no cache answers. It asks for nothing.
constexpr std::string_view kCacheBuster = "_";

Refusal unknown_parameter(std::string_view name, std::span<const std::string_view> known) {
  // A name may be as long as a head, and the distance costs its length for each known name.
  name = name.substr(0, 64);
  std::string detail = "this endpoint has no query parameters";
  if (!known.empty()) {
    const auto nearest = std::ranges::min(known, {}, [&](std::string_view one) { return distance(name, one); });
    detail = "no such query parameter; the nearest is " + std::string(nearest);
  }
  return {.problem = Problem::kInvalid, .subject = plain_subject(name, "query"), .detail = std::move(detail)};
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
    if (serves(routes[i].method, method)) return RouteMatch{i, found->id, found->rest};
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

std::optional<Refusal> check_query(std::string_view query, std::span<const std::string_view> known) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::string_view name = pair.substr(0, pair.find('='));
    if (pair.empty() || name == kCacheBuster || std::ranges::find(known, name) != known.end()) continue;
    return unknown_parameter(name, known);
  }
  return std::nullopt;
}

}  // namespace vbrain::api
