#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace vbrain::artifacts {

// How an attempt ended, as reported by its runner: the termination message, and the core of manifest.json. It is
// written inside the container, so readers must not trust it alone: success also needs the kubelet's exit code 0.
struct Outcome {
  enum class Kind { kOk, kExit, kSignal, kOom, kClaimLost, kInvalidResult, kSealFailed, kExecFailed };

  Kind kind = Kind::kExecFailed;
  int exit_code = 0;               // the application's, 0 to 255; 128 + signal if a signal killed it
  int signal = 0;                  // 0, or the signal that killed it
  std::uint64_t output_bytes = 0;  // of output.zip
  std::string output_sha256{};     // hex; empty without an output
  std::uint64_t log_bytes = 0;     // all of logs/
  std::uint64_t result_bytes = 0;  // of result.json
  std::uint64_t duration_ms = 0;   // of the application
  std::string message{};           // for people, UTF-8; may be truncated

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// The message of kSealFailed begins with these words if the output itself is refused, and not if the volume fails.
inline constexpr std::string_view kRefusedOutput = "the output ";
// The same if it is larger than outputLimit.
inline constexpr std::string_view kTooLargeOutput = "the output is larger than ";

// The kubelet keeps 4,096 bytes of a termination message, and at most 12 KiB for all containers of a pod. The runner's
// message stays below 1 KiB.
inline constexpr std::size_t kOutcomeLimit = 1024;

// "ok", "exit", …: the names in the file.
std::string_view to_string(Outcome::Kind kind);

// One JSON object of at most `limit` bytes; the message is truncated at a UTF-8 boundary to fit. `limit` >= 512.
std::string encode_outcome(const Outcome& outcome, std::size_t limit = kOutcomeLimit);

// Untrusted input of at most 4,096 bytes. Numbers out of range, unknown outcomes and invalid hashes are errors. The
// error is a short sentence without bytes of the input. Control characters in the message become spaces.
Result<Outcome, std::string> decode_outcome(std::string_view text);

}  // namespace vbrain::artifacts
