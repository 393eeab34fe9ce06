#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/store/layout.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace vbrain::artifacts {

// One input file as published.
struct InputFile {
  std::string name{};  // path below the input folder, '/' between components, UTF-8
  std::uint64_t bytes = 0;
  std::string sha256{};  // lower-case hex

  friend bool operator==(const InputFile&, const InputFile&) = default;
};

// repository.json. `params`, `metadata` and `unknown` are the text of a JSON object, kept byte by byte as it was
// given, so that a number keeps its digits.
struct RepositoryFile {
  std::string repository_id{};
  base::TimePoint created_on{};
  std::string created_by{};
  std::string name{};  // metadata.name, may be empty
  std::string params = "{}";
  std::string metadata = "{}";
  std::vector<InputFile> input{};
  std::string unknown = "{}";  // members this version does not know, written back as they were

  friend bool operator==(const RepositoryFile&, const RepositoryFile&) = default;
};

// job.json: enough to re-create the Job custom resource.
struct JobFile {
  enum class InputFrom { kRepository, kJob };

  std::string job_id{};
  Tenant tenant{};
  std::string repository_id{};  // empty: a Job made by hand without one
  base::TimePoint created_on{};
  std::string created_by{};
  std::string params = "{}";  // effective: the repository's overlaid by the job's
  std::string metadata = "{}";
  InputFrom input_from = InputFrom::kRepository;
  std::vector<InputFile> input{};
  std::int32_t priority = 0;
  std::string unknown = "{}";

  friend bool operator==(const JobFile&, const JobFile&) = default;
};

// Largest file the decoders take: what archives may hold (ArchiveLimits) fits, with 2 MiB of params and metadata.
inline constexpr std::size_t kJobFileLimit = 64U << 20;

// One line of JSON with a newline. `params` and the like must be JSON objects (checked: throws
// std::invalid_argument, since who calls has parsed them before).
std::string encode(const JobFile& file);
std::string encode(const RepositoryFile& file);

// Hostile input: the error is a short sentence for the log. Unknown members are kept.
Result<JobFile, std::string> decode_job_file(std::string_view text);
Result<RepositoryFile, std::string> decode_repository_file(std::string_view text);

}  // namespace vbrain::artifacts
