#include "api-server/api_keys/key_rules.hpp"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <tuple>

#include "api-server/auth/hide_secrets.hpp"
#include "artifacts/store/layout.hpp"
#include "base/json/json.hpp"
#include "base/json/whole_number.hpp"

namespace vbrain::api {
namespace {

using nlohmann::json;

constexpr std::string_view kSend = R"(; send a JSON object, such as {"username": "ana", "expires_in": 7776000})";
constexpr std::string_view kLifeRemedy =
    "; send whole seconds from 1 to 315360000, or leave it out for a key that never expires";
constexpr std::string_view kTimeRemedy =
    "; send a time of RFC 3339 such as 2027-01-01T00:00:00Z, at most ten years from now, or leave it out for a key "
    "that "
    "never expires";

Unexpected<Refusal> bad(std::string_view field, std::string_view why, std::string_view remedy) {
  return refuse(Problem::kInvalid, std::string(field), std::string(why).append(remedy));
}

Result<base::TimePoint, Refusal> read_life(const json& value, base::TimePoint now) {
  const std::int64_t seconds = base::whole_number(value).value_or(0);
  if (seconds < 1 || seconds > kLongestLife.count()) {
    return bad("expires_in", "not a number of seconds within the limits", kLifeRemedy);
  }
  return std::chrono::ceil<std::chrono::seconds>(now + std::chrono::seconds(seconds));
}

Result<base::TimePoint, Refusal> read_end(const json& value, base::TimePoint now) {
  const auto time = value.is_string() ? base::parse_rfc3339(value.get<std::string>()) : std::nullopt;
  if (!time) return bad("expires_at", "not a time", kTimeRemedy);
  if (*time <= now) return bad("expires_at", "the time is over", kTimeRemedy);
  if (*time > now + kLongestLife) return bad("expires_at", "the time is too far away", kTimeRemedy);
  return std::chrono::ceil<std::chrono::seconds>(*time);
}

Result<std::string, Refusal> read_description(const json& value) {
  constexpr std::string_view kRemedy = "; send text of at most 200 bytes without control characters";
  if (!value.is_string()) return bad("description", "not a string", kRemedy);
  std::string text = value.get<std::string>();
  // The same characters as a name, with another limit.
  if (!text.empty() && (text.size() > kMostKeyDescription || !artifacts::is_name(text))) {
    return bad("description", "too long, or it has control characters", kRemedy);
  }
  if (hide_secrets(text) != text) return bad("description", "it has the secret of a key", "; send text without one");
  return text;
}

std::string_view state_of(bool is_live, bool is_member) {
  if (!is_live) return "expired";
  return is_member ? "live" : "no_member";
}

// One key of the list. Members that are absent are left out.
struct Row {
  std::string_view username;
  std::string_view id;
  std::optional<job::Role> role;
  std::string_view source;
  std::string_view state;
  std::optional<base::TimePoint> created = {};
  std::string_view created_by = {};
  std::optional<base::TimePoint> expires = {};
  std::optional<base::TimePoint> last_used = {};
  std::string_view description = {};
};

void add(std::string& target, std::string_view name, std::string_view value) {
  target.append(target.back() == '{' ? "\"" : ",\"").append(name).append("\":").append(base::quote_json(value));
}
void add_if(std::string& target, std::string_view name, std::string_view value) {
  if (!value.empty()) add(target, name, value);
}
void add_if(std::string& target, std::string_view name, const std::optional<base::TimePoint>& value) {
  if (value) add(target, name, base::format_rfc3339_seconds(*value));
}

void add_row(std::string& target, const Row& row) {
  target += target.back() == '[' ? "{" : ",{";
  add(target, "key_id", row.id);
  add(target, "username", row.username);
  add_if(target, "role", row.role ? to_string(*row.role) : std::string_view());
  add(target, "source", row.source);
  add(target, "state", row.state);
  add_if(target, "created_at", row.created);
  add_if(target, "created_by", row.created_by);
  add_if(target, "expires_at", row.expires);
  add_if(target, "last_used", row.last_used);
  add_if(target, "description", row.description);
  target += '}';
}

}  // namespace

Result<KeyWish, Refusal> read_key_wish(std::string_view body, base::TimePoint now) {
  const auto object = base::parse_json(body, {.depth = 2, .elements = 100});
  if (!object) return bad("body", object.error(), kSend);
  if (!object->is_object()) return bad("body", "not a JSON object", kSend);
  KeyWish wish;
  for (const auto& [name, value] : object->items()) {
    if (name == "username") {
      if (!value.is_string() || !artifacts::is_name(value.get_ref<const std::string&>())) {
        return bad(name, "not a name", "; send the name of a member of the client, 1 to 255 bytes");
      }
      wish.username = value.get<std::string>();
    } else if (name == "expires_in" || name == "expires_at") {
      if (wish.expires_at) return bad(name, "expires_in and expires_at are both there", "; send one of them");
      auto time = name == "expires_in" ? read_life(value, now) : read_end(value, now);
      if (!time) return Unexpected<Refusal>(std::move(time.error()));
      wish.expires_at = *time;
    } else if (name == "description") {
      auto text = read_description(value);
      if (!text) return Unexpected<Refusal>(std::move(text.error()));
      wish.description = std::move(*text);
    } else {
      return bad(plain_subject(name, "field"), "only username, expires_in, expires_at and description are known",
                 "; remove it, or correct its name");
    }
  }
  if (wish.username.empty()) return bad("username", "absent", kSend);
  return wish;
}

std::optional<Refusal> refuse_more_keys(const std::vector<job::Key>& keys, base::TimePoint now) {
  std::string ids;
  std::size_t live = 0;
  for (const job::Key& key : keys) {
    if (!key.is_live(now)) continue;
    ++live;
    ids.append(ids.empty() ? "" : ", ").append(key.meta.name);
  }
  if (live < kMostLiveKeys) return std::nullopt;
  return Refusal{.problem = Problem::kTooManyKeys,
                 .detail = "the user has two live keys: " + ids +
                           ". Remedy: delete one with DELETE /api/v1/keys/:key_id, or wait until one expires"};
}

std::string key_selector(const base::Tenant& tenant, std::string_view username) {
  std::string selector;
  const auto want = [&](std::string_view field, std::string_view value) {
    selector.append(selector.empty() ? "spec." : ",spec.").append(field).append("=");
    for (const char c : value) {
      if (c == '\\' || c == ',' || c == '=') selector += '\\';
      selector += c;
    }
  };
  want("organizationId", tenant.organization);
  want("applicationId", tenant.application);
  want("clientId", tenant.client);
  want("username", username);
  return selector;
}

std::string render_keys(const std::vector<std::shared_ptr<const job::Client>>& clients,
                        const std::vector<ListedKey>& keys, base::TimePoint now) {
  std::vector<Row> rows;
  for (const auto& client : clients) {
    for (const job::Member& member : client->members) {
      for (const job::ApiKey& key : member.keys) {
        const bool live = !key.expires_at || now < *key.expires_at;
        rows.push_back({.username = member.username,
                        .id = key.id,
                        .role = member.role,
                        .source = "Client",
                        .state = state_of(live, true),
                        .expires = key.expires_at});
      }
    }
  }
  for (const auto& [key, member] : keys) {
    if (key->meta.deletion_timestamp) continue;
    rows.push_back({.username = key->username,
                    .id = key->meta.name,
                    .role = member == nullptr ? std::nullopt : std::optional(member->role),
                    .source = "Key",
                    .state = state_of(key->is_live(now), member != nullptr),
                    .created = key->meta.creation_timestamp,
                    .created_by = key->created_by,
                    .expires = key->expires_at,
                    .last_used = key->last_used,
                    .description = key->description});
  }
  std::ranges::sort(rows, {}, [](const Row& row) { return std::tie(row.username, row.created, row.id); });
  std::string text = R"({"keys":[)";
  for (const Row& row : rows) add_row(text, row);
  return text + "]}";
}

std::string render_new_key(const job::Key& key, std::string_view text) {
  std::string answer = "{";
  add(answer, "message", "Key created");
  add(answer, "key_id", key.meta.name);
  add(answer, "api_key", text);
  add(answer, "username", key.username);
  add_if(answer, "expires_at", key.expires_at);
  return answer + "}";
}

}  // namespace vbrain::api
