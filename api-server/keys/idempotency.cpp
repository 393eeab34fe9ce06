#include "api-server/keys/idempotency.hpp"

#include <algorithm>

#include "api-server/find_once.hpp"
#include "api-server/keys/key_counts.hpp"
#include "base/log/log.hpp"

namespace vbrain::api {
namespace {

constexpr const char* kHeader = "Idempotency-Key";
constexpr std::size_t kLongest = 255;

Unexpected<Refusal> bad_key(std::string detail) {
  return refuse(Problem::kInvalid, kHeader, std::move(detail));
}

// The characters of a string of RFC 8941 section 3.3.3, without its quotation marks. Nothing: it is malformed.
std::optional<std::string> unquote(std::string_view text) {
  std::string value;
  for (std::size_t i = 1; i < text.size(); ++i) {
    char c = text[i];
    if (c == '"') return i + 1 == text.size() ? std::optional(std::move(value)) : std::nullopt;
    if (c == '\\') {
      if (++i == text.size() || (text[i] != '"' && text[i] != '\\')) return std::nullopt;
      c = text[i];
    }
    if (c < ' ' || c > '~') return std::nullopt;
    value += c;
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<std::string>, Refusal> read_idempotency_key(const std::vector<http::HeaderField>& fields) {
  const auto found = find_once(fields, kHeader);
  if (!found) return Unexpected<Refusal>(found.error());
  if (!*found) return std::optional<std::string>();
  const std::string_view text = **found;
  std::optional<std::string> key;
  if (text.starts_with('"')) {
    key = unquote(text);
  } else if (std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; })) {
    key = std::string(text);
  }
  if (!key) return bad_key("not a string of visible ASCII characters, in quotation marks or without; send a UUID");
  if (key->empty() || key->size() > kLongest) return bad_key("it has 1 to 255 characters; send a UUID");
  return key;
}

Refusal other_submission() {
  return {.problem = Problem::kOtherSubmission,
          .detail =
              "the key belongs to a request with another body, path or repository_id. Remedy: a new key for new work; "
              "the same body, path and repository_id to repeat a request"};
}

Result<ClaimedKey, Refusal> claim(const Services& services, const artifacts::Tenant& tenant, const KeyedRequest& keyed,
                                  artifacts::KeyRecord record) {
  record.request = keyed.request;
  auto found = find_key(services.volume, tenant, keyed.name);
  if (!found) {
    const auto count = [&] { return count_keys(services.volume, tenant); };
    if (!services.key_counts.take(tenant, services.clock.steady(), count)) {
      return Unexpected<Refusal>(
          Refusal{.problem = Problem::kTooMany,
                  .detail = "the client has used " + std::to_string(services.key_counts.limit()) +
                            " Idempotency-Keys within a day; the operator's setting is max-idempotency-keys. Remedy: "
                            "wait, or send the request without a key",
                  .retry_after = KeyCounts::kPause,
                  .limit = QuotaPolicy{.name = "idempotency-keys",
                                       .quota = services.key_counts.limit(),
                                       .window = std::chrono::hours(24)}});
    }
    if (claim_key(services.volume, tenant, keyed.name, record)) return ClaimedKey{std::move(record), true, false};
    found = find_key(services.volume, tenant, keyed.name);
    // Swept in this moment, or the file system shows it late.
    if (!found) throw artifacts::CorruptFile("the record of an Idempotency-Key is not visible yet");
  }
  if (found->record.request != keyed.request) return Unexpected<Refusal>(other_submission());
  return ClaimedKey{std::move(found->record), false, found->done};
}

http::Reply reply_of_key(std::string answer, bool replayed) {
  http::Reply reply = json_reply(201, std::move(answer));
  if (replayed) reply.headers.emplace_back("Idempotency-Replayed", "true");
  return reply;
}

void note_key_done(const Services& services, const artifacts::Tenant& tenant, const std::string& id) noexcept {
  try {
    mark_key_done(services.volume, tenant, id);
  } catch (const std::exception& problem) {
    base::log_warning(
        "a request with an Idempotency-Key was not marked as done; if its job or repository is deleted, a "
        "repetition makes it again",
        {{"id", id}, {"error", problem.what()}});
  }
}

}  // namespace vbrain::api
