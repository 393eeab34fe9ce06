#include "artifacts/records/outcome.hpp"

#include <array>
#include <nlohmann/json.hpp>

#include "artifacts/archive/utf8.hpp"
#include "artifacts/records/json_fields.hpp"
#include "artifacts/records/outcome_json.hpp"
#include "base/json/json.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::array<std::string_view, 8> kKinds = {"ok",         "exit",           "signal",      "oom",
                                                    "claim-lost", "invalid-result", "seal-failed", "exec-failed"};
constexpr std::size_t kReadLimit = 4096;  // the kubelet keeps this many bytes

}  // namespace

std::string_view to_string(Outcome::Kind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

nlohmann::json outcome_to_json(const Outcome& outcome) {
  nlohmann::json object = {{"format", 1},
                           {"outcome", to_string(outcome.kind)},
                           {"exitCode", outcome.exit_code},
                           {"signal", outcome.signal},
                           {"outputBytes", outcome.output_bytes},
                           {"logBytes", outcome.log_bytes},
                           {"resultBytes", outcome.result_bytes},
                           {"durationMs", outcome.duration_ms},
                           {"message", printable(outcome.message, kReadLimit)}};
  if (!outcome.output_sha256.empty()) object["outputSha256"] = outcome.output_sha256;
  return object;
}

Outcome outcome_from_json(const nlohmann::json& object) {
  fields::require_format(object);
  Outcome outcome;
  const std::string word = fields::text(object, "outcome", 32);
  std::size_t kind = 0;
  while (kind < kKinds.size() && kKinds[kind] != word) ++kind;
  if (kind == kKinds.size()) fields::refuse("outcome", "is unknown");
  outcome.kind = static_cast<Outcome::Kind>(kind);
  outcome.exit_code = static_cast<int>(fields::integer(object, "exitCode", 0, 255));
  outcome.signal = static_cast<int>(fields::integer(object, "signal", 0, 64));
  if (outcome.kind == Outcome::Kind::kOk && (outcome.exit_code != 0 || outcome.signal != 0)) {
    fields::refuse("outcome", "contradicts the exit code");
  }
  outcome.output_bytes = fields::size(object, "outputBytes");
  outcome.output_sha256 = fields::sha256(object, "outputSha256", true);
  outcome.log_bytes = fields::size(object, "logBytes");
  outcome.result_bytes = fields::size(object, "resultBytes");
  outcome.duration_ms = fields::size(object, "durationMs");
  outcome.message = printable(fields::text(object, "message", kReadLimit), kReadLimit);
  return outcome;
}

std::string encode_outcome(const Outcome& outcome, std::size_t limit) {
  nlohmann::json object = outcome_to_json(outcome);
  std::string text = object.dump();
  // Escapes make a message longer than its bytes, so truncate and check again; each turn drops at least the excess.
  for (std::string message = object["message"]; text.size() > limit && !message.empty(); text = object.dump()) {
    const std::size_t excess = text.size() - limit;
    // An escaped character is at most six bytes for one.
    const std::size_t drop = std::max<std::size_t>(1, excess / 6);
    message = printable(message, message.size() - std::min(drop, message.size()));
    object["message"] = message;
  }
  return text;
}

Result<Outcome, std::string> decode_outcome(std::string_view text) {
  if (text.size() > kReadLimit) return Unexpected<std::string>("longer than 4096 bytes");
  const auto object = base::parse_json(text, {.depth = 4, .elements = 100});
  if (!object) return Unexpected<std::string>(object.error());
  try {
    return outcome_from_json(*object);
  } catch (const fields::Malformed& malformed) {
    return Unexpected<std::string>(malformed.reason);
  }
}

}  // namespace vbrain::artifacts
