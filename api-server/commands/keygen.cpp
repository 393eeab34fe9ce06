#include "api-server/commands/keygen.hpp"

#include <CLI/CLI.hpp>
#include <iostream>

#include "api-server/auth/auth.hpp"
#include "artifacts/store/layout.hpp"
#include "base/json/json.hpp"
#include "base/options.hpp"
#include "base/text/digest.hpp"

namespace vbrain::api {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kSecretLength = 43;
constexpr std::size_t kIdLength = 8;

std::string random_text(std::size_t length) {
  std::string text;
  while (text.size() < length) text += base62(base::random_bytes(64), length - text.size());
  return text;
}

// "2027-01-01" or RFC 3339.
std::optional<base::TimePoint> parse_expiry(const std::string& text) {
  return base::parse_rfc3339(text.size() == 10 ? text + "T00:00:00Z" : text);
}

}  // namespace

std::string base62(std::string_view random, std::size_t length) {
  std::string text;
  for (const unsigned char byte : random) {
    if (text.size() == length) break;
    // 248 = 4 * 62. With the bytes from 248 on some characters would come more often than others.
    if (byte < 248) text += kAlphabet[byte % 62];
  }
  return text;
}

std::string random_key_id(std::size_t length) {
  std::string id = random_text(length);
  for (char& c : id) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return id;
}

NewKey make_key(const std::optional<std::string>& id) {
  return {id.value_or(random_key_id(kIdLength)), random_text(kSecretLength)};
}

std::string member_yaml(std::string_view username, job::Role role, const NewKey& key,
                        const std::optional<base::TimePoint>& expires) {
  std::string yaml = "  - username: " + base::quote_json(username) + "\n    role: " + std::string(to_string(role)) +
                     "\n    keys:\n      - id: " + base::quote_json(key.id) +
                     "\n        sha256: " + base::sha256_hex(key.secret) + "\n";
  if (expires) yaml += "        expiresAt: \"" + base::format_rfc3339_seconds(*expires) + "\"\n";
  return yaml;
}

int run_keygen(int argc, const char* const* argv) {
  CLI::App app("Creates an API key. Prints the key once, then the entry for spec.members of a Client",
               "api-server keygen");
  std::string username;
  std::string role_text;
  std::string id;
  std::string expires_text;
  app.add_option("--username", username, "User to whom the key belongs")->required();
  app.add_option("--role", role_text, "leader, developer or stakeholder")->required();
  app.add_option("--id", id, "Key id, 4 to 16 of [a-z0-9], unique in the installation (default: random)");
  app.add_option("--expires", expires_text,
                 "Day (2027-01-01) or time (RFC 3339) when the key expires (default: never)");
  const base::OptionsOutcome outcome = base::read_options(app, argc, argv);
  if (!outcome.proceed) return outcome.exit_code;

  const auto fail = [](std::string_view why) {
    std::cerr << "api-server keygen: " << why << "\n";
    return 2;
  };
  const auto role = job::parse_role(role_text);
  if (!role) return fail("--role: leader, developer or stakeholder");
  if (!artifacts::is_name(username)) return fail("--username: 1 to 255 bytes of UTF-8 without control characters");
  std::optional<base::TimePoint> expires;
  if (!expires_text.empty() && !(expires = parse_expiry(expires_text))) return fail("--expires is not a date");
  const NewKey key = make_key(id.empty() ? std::nullopt : std::optional(id));
  if (!parse_api_key(key.text())) return fail("--id: 4 to 16 of [a-z0-9]");

  std::cout << "# The key. It is shown only here; send it as header x-api-key.\n"
            << key.text() << "\n\n# Below spec.members of the Client (kubectl edit vclient NAME):\n"
            << member_yaml(username, *role, key, expires);
  std::cout.flush();
  return std::cout ? 0 : 1;
}

}  // namespace vbrain::api
