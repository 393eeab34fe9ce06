#pragma once

#include <optional>
#include <string>

#include "artifacts/files/safe_open.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

// The runner that may start an attempt, or the controller that has closed it. It prevents two runners of one attempt,
// and a late pod beside the next attempt.
struct Claim {
  enum class By { kRunner, kController, kUnknown };
  By by = By::kUnknown;   // kUnknown: the file exists but is not readable as a claim; the attempt is still claimed
  std::string pod_uid{};  // the runner's pod; may be empty for a controller
  base::TimePoint time{};
};

struct ClaimResult {
  bool won = false;
  Claim owner{};  // `mine` if won; otherwise the content of the file
};

// Publishes `claim` in the attempt's folder, completely and exclusively; file and folder are fsynced before it returns.
// Of any number of callers on any number of machines one wins, once: a second call of the winner loses, too. Throws
// VolumeError; then the caller must not start the application, and the claim exists completely or not at all.
ClaimResult take_claim(const Dir& attempt, const Claim& mine);

// Nothing if there is no claim.
std::optional<Claim> read_claim(const Dir& attempt);

}  // namespace vbrain::artifacts
