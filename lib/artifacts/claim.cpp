#include "artifacts/claim.hpp"

#include <nlohmann/json.hpp>

#include "artifacts/json_fields.hpp"
#include "artifacts/layout.hpp"
#include "base/json.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::uint64_t kClaimLimit = 4096;

std::string encode(const Claim& claim) {
  const nlohmann::json object = {{"format", 1},
                                 {"by", claim.by == Claim::By::kController ? "controller" : "runner"},
                                 {"podUid", claim.pod_uid},
                                 {"time", base::format_rfc3339(claim.time)}};
  return object.dump() + "\n";
}

// Whatever it says, a file that is there is a claim; what can't be read stays unknown.
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
  // 1. The name, exclusively: from here on everybody else loses, also if we die before step 2.
  auto fd = attempt.create_file(layout::kClaim);
  if (!fd) return {false, read_claim(attempt).value_or(Claim{})};
  // 2. Who we are.  3. Both durable, before anything is started.
  write_all(fd->get(), encode(mine));
  sync_and_close(std::move(*fd));
  attempt.sync();
  return {true, mine};
}

std::optional<Claim> read_claim(const Dir& attempt) {
  try {
    const auto text = attempt.read_file(layout::kClaim, kClaimLimit);
    if (!text) return std::nullopt;
    return decode(*text);
  } catch (const UnsafeFile&) {
    return Claim{};
  }
}

}  // namespace vbrain::artifacts
