#include "artifacts/records/claim.hpp"

#include <nlohmann/json.hpp>

#include "artifacts/records/json_fields.hpp"
#include "artifacts/store/layout.hpp"
#include "base/json/json.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::uint64_t kClaimLimit = 4096;
// See DurableFile::commit_new. The content of a claim is never served, so a second name for it reveals nothing.
constexpr nlink_t kClaimLinks = 2;

std::string encode(const Claim& claim) {
  const nlohmann::json object = {{"format", 1},
                                 {"by", claim.by == Claim::By::kController ? "controller" : "runner"},
                                 {"podUid", claim.pod_uid},
                                 {"time", base::format_rfc3339(claim.time)}};
  return object.dump() + "\n";
}

// A file that exists is a claim, whatever its content; the owner of unreadable content is unknown.
Claim decode(std::string_view text) {
  const auto object = base::parse_json(text, {.depth = 4, .elements = 100});
  if (!object) return {};
  try {
    fields::require_format(*object);
    const std::string by = fields::text(*object, "by", 32);
    Claim claim;
    claim.pod_uid = fields::text(*object, "podUid", 64);
    claim.time = fields::time(*object, "time");
    if (by == "runner") claim.by = Claim::By::kRunner;
    if (by == "controller") claim.by = Claim::By::kController;
    return claim;
  } catch (const fields::Malformed&) {
    return {};
  }
}

}  // namespace

ClaimResult take_claim(const Dir& attempt, const Claim& mine) {
  // 1. Most losers return here, also on a full or read-only volume.
  if (const auto owner = read_claim(attempt)) return {false, *owner};
  // 2. The whole claim under a temporary name: an incomplete file named `claim` would be an attempt that no pod may
  // start and no controller may close.
  DurableFile file(attempt);
  write_all(file.fd(), encode(mine));
  // 3. Its name, exclusively: from now on everyone else loses. It is durable before anything is started.
  if (!file.commit_new(layout::kClaim)) return {false, read_claim(attempt).value_or(Claim{})};
  return {true, mine};
}

std::optional<Claim> read_claim(const Dir& attempt) {
  try {
    const auto text = attempt.read_file(layout::kClaim, kClaimLimit, kClaimLinks);
    if (!text) return std::nullopt;
    return decode(*text);
  } catch (const UnsafeFile&) {
    return Claim{};
  }
}

}  // namespace vbrain::artifacts
