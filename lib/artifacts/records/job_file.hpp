#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/store/layout.hpp"
#include "base/log/request_ids.hpp"
#include "base/result.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

// One published input file.
struct InputFile {
  std::string name{};  // path below the input folder, '/' between components, UTF-8
  std::uint64_t bytes = 0;
  std::string sha256{};                       // lower-case hex
  std::optional<base::TimePoint> modified{};  // as an archive said; absent: it has the time of its publication

  friend bool operator==(const InputFile&, const InputFile&) = default;
};

// repository.json. `params`, `metadata` and `unknown` are the text of a JSON object, kept byte for byte, so that
// numbers keep their digits.
struct RepositoryFile {
  std::string repository_id{};
  base::TimePoint created_on{};
  std::string created_by{};
  std::string name{};  // metadata.name, may be empty
  std::string params = "{}";
  std::string metadata = "{}";
  std::vector<InputFile> input{};
  std::vector<std::string> empty_folders{};  // below the input folder
  std::string unknown = "{}";                // members that this version does not know; written back unchanged

  friend bool operator==(const RepositoryFile&, const RepositoryFile&) = default;
};

// job.json: contains everything that is needed to recreate the Job resource.
struct JobFile {
  enum class InputFrom { kRepository, kJob };

  std::string job_id{};
  Tenant tenant{};
  std::string repository_id{};  // empty: a Job made with kubectl without a repository
  base::TimePoint created_on{};
  std::string created_by{};
  std::string params = "{}";  // effective params: the repository's overlaid by the job's
  std::string metadata = "{}";
  InputFrom input_from = InputFrom::kRepository;
  std::vector<InputFile> input{};
  std::int32_t priority = 0;
  std::string traceparent{};   // of the request that created the job (base::is_traceparent); empty: none
  std::string callback_url{};  // empty: none
  std::string unknown = "{}";

  // For log lines about the job: the request that created it is known by its trace only.
  base::RequestIds ids() const;

  friend bool operator==(const JobFile&, const JobFile&) = default;
};

// Largest file that the decoders accept. The names of a full archive (ArchiveLimits) and 2 MiB of params and metadata
// fit.
inline constexpr std::size_t kJobFileLimit = 64U << 20;

// One line of JSON with a newline. `params` and similar members must be JSON objects: throws std::invalid_argument
// otherwise, because the caller has parsed them before.
std::string encode(const JobFile& file);
std::string encode(const RepositoryFile& file);

// Untrusted input: the error is a short sentence for the log. Unknown members are kept.
Result<JobFile, std::string> decode_job_file(std::string_view text);
Result<RepositoryFile, std::string> decode_repository_file(std::string_view text);

}  // namespace vbrain::artifacts
