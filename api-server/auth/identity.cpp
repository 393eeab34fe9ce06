#include "api-server/auth/identity.hpp"

#include <algorithm>
#include <array>

#include "artifacts/archive/utf8.hpp"
#include "artifacts/store/layout.hpp"

namespace vbrain::api {
namespace {

struct Header {
  std::string_view name;  // as docs/api.md spells it
  std::string Identity::*member;
};

constexpr std::array<Header, 6> kHeaders{{{"username", &Identity::username},
                                          {"organization_id", &Identity::organization_id},
                                          {"application_id", &Identity::application_id},
                                          {"client_id", &Identity::client_id},
                                          {"x-api-key", &Identity::api_key},
                                          {"repository_id", &Identity::repository_id}}};

// A hyphen and an underscore count as the same: many proxies drop names with underscores.
bool is_named(std::string_view sent, std::string_view name) {
  const auto fold = [](char c) {
    if (c == '-') return '_';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  };
  return std::ranges::equal(sent, name, {}, fold, fold);
}

}  // namespace

std::string_view identity_header_names() {
  static const std::string kNames = [] {
    std::string names;
    for (const Header& header : kHeaders) {
      for (const auto& [from, to] : {std::pair('-', '_'), std::pair('_', '-')}) {
        std::string spelling(header.name);
        std::ranges::replace(spelling, from, to);
        // A name without both is spelt in one way only.
        if (names.ends_with(spelling)) continue;
        names.append(names.empty() ? "" : ", ").append(spelling);
      }
    }
    return names;
  }();
  return kNames;
}

std::optional<std::string> decode_header_value(std::string_view value) {
  std::string text = artifacts::is_utf8(value) ? std::string(value) : artifacts::from_latin1(value);
  if (!artifacts::is_name(text)) return std::nullopt;
  return text;
}

Result<Identity, Refusal> read_identity(const std::vector<http::HeaderField>& fields, RepositoryHeader repository) {
  Identity identity;
  for (const Header& header : kHeaders) {
    const http::HeaderField* found = nullptr;
    for (const http::HeaderField& field : fields) {
      if (!is_named(field.name, header.name)) continue;
      if (found != nullptr) return refuse(Problem::kInvalid, std::string(header.name), "sent twice");
      found = &field;
    }
    if (found == nullptr || found->value.empty()) {
      const bool optional = header.member == &Identity::repository_id && repository != RepositoryHeader::kRequired;
      if (optional) continue;
      return refuse(Problem::kMissing, std::string(header.name));
    }
    auto value = decode_header_value(found->value);
    if (!value) return refuse(Problem::kInvalid, std::string(header.name));
    identity.*header.member = std::move(*value);
  }
  return identity;
}

}  // namespace vbrain::api
