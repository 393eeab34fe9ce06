#include "schema/uri.hpp"

#include <algorithm>

namespace vbrain::schema {
namespace {

bool has_scheme(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto fits = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'; };
  return is_letter(uri[0]) && std::ranges::all_of(uri.substr(0, colon), fits);
}

}  // namespace

std::string_view without_fragment(std::string_view uri) {
  return uri.substr(0, uri.find('#'));
}

std::string resolve_uri(std::string_view base, std::string_view reference) {
  base = without_fragment(base);
  if (reference.empty() || reference.starts_with('#')) return std::string(base) + std::string(reference);
  if (has_scheme(reference)) return std::string(reference);
  const std::size_t colon = has_scheme(base) ? base.find(':') + 1 : 0;
  if (reference.starts_with("//")) return std::string(base.substr(0, colon)) + std::string(reference);
  const bool has_authority = base.substr(colon).starts_with("//");
  const std::size_t path = has_authority ? std::min(base.find('/', colon + 2), base.size()) : colon;
  if (reference.starts_with('/')) return std::string(base.substr(0, path)) + std::string(reference);
  const std::size_t slash = base.rfind('/');
  if (slash == std::string_view::npos || slash < path) {
    return std::string(base.substr(0, path)) + (has_authority ? "/" : "") + std::string(reference);
  }
  return std::string(base.substr(0, slash + 1)) + std::string(reference);
}

}  // namespace vbrain::schema
