#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace vbrain::artifacts {

// How an attempt ended, as its runner saw it: the termination message, and the core of manifest.json. It is written
// inside the container, so for its readers it is a claim, not a fact: success needs the kubelet's exit code 0 too.
struct Outcome {
  enum class Kind { kOk, kExit, kSignal, kOom, kClaimLost, kInvalidResult, kSealFailed, kExecFailed };

  Kind kind = Kind::kExecFailed;
  int exit_code = 0;               // the application's, 0 to 255; 128 + signal when killed
  int signal = 0;                  // 0 or the signal that killed it
  std::uint64_t output_bytes = 0;  // of output.zip
  std::string output_sha256{};     // hex; empty without an output
  std::uint64_t log_bytes = 0;     // all of logs/
  std::uint64_t result_bytes = 0;  // of result.json
  std::uint64_t duration_ms = 0;   // of the application
  std::string message{};           // for people, UTF-8; may be cut

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// The kubelet keeps 4,096 bytes of a termination message for all containers of a pod together at most 12 KiB; ours
// stays below 1 KiB.
inline constexpr std::size_t kOutcomeLimit = 1024;

// "ok", "exit", …: the words of the file.
std::string_view to_string(Outcome::Kind kind);

// One JSON object of at most `limit` bytes; the message is cut at a UTF-8 boundary to fit. `limit` >= 512.
std::string encode_outcome(const Outcome& outcome, std::size_t limit = kOutcomeLimit);

// Hostile input of at most 4,096 bytes. Numbers out of range, unknown outcomes, a hash that is none: an error, a
// short sentence that repeats nothing of the input. Control characters in the message become spaces.
Result<Outcome, std::string> decode_outcome(std::string_view text);

}  // namespace vbrain::artifacts
