#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/records/outcome.hpp"
#include "base/result.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

// One file of the output archive.
struct OutputFile {
  std::string name{};  // path in the archive
  std::uint64_t bytes = 0;
  std::string sha256{};
  base::TimePoint modified{};

  friend bool operator==(const OutputFile&, const OutputFile&) = default;
};

// manifest.json, the last file of an attempt: if it exists, all other files are complete and durable.
struct Manifest {
  Outcome outcome{};
  std::string pod_uid{};
  base::TimePoint start_time{};       // of the application
  base::TimePoint completion_time{};  // of the application
  std::uint64_t max_rss_bytes = 0;    // of the largest process of the application
  std::uint64_t cpu_ms = 0;           // user and system time of all its processes
  std::vector<OutputFile> files{};    // the first kManifestFiles
  std::uint64_t files_total = 0;

  friend bool operator==(const Manifest&, const Manifest&) = default;
};

inline constexpr std::size_t kManifestFiles = 10'000;
inline constexpr std::size_t kManifestLimit = 32U << 20;  // bytes; the writer lists fewer files to stay below it

std::string encode_manifest(const Manifest& manifest);

// Untrusted input, like decode_outcome.
Result<Manifest, std::string> decode_manifest(std::string_view text);

}  // namespace vbrain::artifacts
