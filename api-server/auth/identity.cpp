#include "api-server/auth/identity.hpp"

#include <algorithm>
#include <array>

#include "api-server/find_once.hpp"
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
    const auto found = find_once(fields, header.name, Spelling::kHyphenOrUnderscore);
    if (!found) return Unexpected<Refusal>(found.error());
    const std::string_view sent = found->value_or("");
    if (sent.empty()) {
      const bool optional = header.member == &Identity::repository_id && repository != RepositoryHeader::kRequired;
      if (optional) continue;
      return refuse(Problem::kMissing, std::string(header.name));
    }
    auto value = decode_header_value(sent);
    if (!value) return refuse(Problem::kInvalid, std::string(header.name));
    identity.*header.member = std::move(*value);
  }
  return identity;
}

}  // namespace vbrain::api
