#pragma once

#include <optional>
#include <string>

#include "artifacts/store/safe_open.hpp"
#include "base/clock.hpp"

namespace vbrain::artifacts {

// Who may start (runner) or has closed (controller) an attempt: the fence between two runners of one attempt, and
// between a late pod and the next attempt.
struct Claim {
  enum class By { kRunner, kController, kUnknown };
  By by = By::kUnknown;   // kUnknown: the file is there but can't be read as a claim; the attempt is taken all the same
  std::string pod_uid{};  // the runner's pod; may be empty for a controller
  base::TimePoint time{};
};

struct ClaimResult {
  bool won = false;
  Claim owner{};  // `mine` when won; else what the file says
};

// Publishes `claim` in the attempt's folder, whole and exclusively, file and folder fsynced before return. Among any
// number of callers on any number of machines one wins, once: also the winner loses when it asks again. Throws
// VolumeError; then the caller may not start the application, and the claim is there as a whole or not at all.
ClaimResult take_claim(const Dir& attempt, const Claim& mine);

// Nothing if nobody has claimed.
std::optional<Claim> read_claim(const Dir& attempt);

}  // namespace vbrain::artifacts
