#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/tenant.hpp"

namespace vbrain::artifacts {

using base::Tenant;

// Checks a name of an organization, application or client: 1 to 255 bytes of UTF-8 without control characters (U+0000
// to U+001F, U+007F to U+009F). "." and ".." and "a/b" are valid names.
bool is_name(std::string_view name);

// One path component for a name. Injective: two names never have the same component. No component starts with a dot (so
// never ".", "..", ".staging") or contains a slash. [A-Za-z0-9_-] and a dot that is not first stay; all other bytes
// become %XX. An encoding over 255 bytes is truncated and ends in "~" and the name's SHA-256. Other encodings contain
// no "~". Throws std::invalid_argument if !is_name(name).
std::string encode_component(std::string_view name);

// A repository id: 18 decimal digits (UTC time to the second and four digits).
bool is_repository_id(std::string_view id);

// A valid name of a job's folder: 1 to 63 of [a-z0-9-]. A UUID is one.
bool is_job_folder_name(std::string_view id);

// Paths relative to the volume's root, without a leading slash. Pure. They throw std::invalid_argument for ids and
// names that fail the checks above, and for attempts below 1, so that no path is built from unchecked text.
namespace layout {

inline constexpr std::string_view kInput = "input";
inline constexpr std::string_view kJobFile = "job.json";
inline constexpr std::string_view kRepositoryFile = "repository.json";
inline constexpr std::string_view kStatusFile = "status.json";
inline constexpr std::string_view kDeleted = "deleted";
inline constexpr std::string_view kUnused = "unused";  // in a repository: it is being removed because nothing uses it
inline constexpr std::string_view kClaim = "claim";
inline constexpr std::string_view kLogs = "logs";
inline constexpr std::string_view kResult = "result.json";
inline constexpr std::string_view kOutput = "output.zip";
inline constexpr std::string_view kManifest = "manifest.json";

std::string bin(std::string_view version);  // bin/<version>; [A-Za-z0-9._+-], not starting with a dot

std::string tenant(const Tenant& tenant);  // tenants/<organization>/<application>/<client>
// The tenant whose folder has this path. Nothing if no tenant has it, or if a name is so long that its component ends
// in a hash. Pure.
std::optional<Tenant> tenant_of(std::string_view path);
std::string repositories(const Tenant& tenant);
std::string jobs(const Tenant& tenant);
std::string staging(const Tenant& tenant);
std::string trash(const Tenant& tenant);

std::string repository(const Tenant& tenant, std::string_view repository_id);
std::string repository_file(const Tenant& tenant, std::string_view repository_id);
std::string repository_input(const Tenant& tenant, std::string_view repository_id);
std::string markers(const Tenant& tenant, std::string_view repository_id);  // …/jobs, the index of its jobs
std::string marker(const Tenant& tenant, std::string_view repository_id, std::string_view job_id);

std::string job(const Tenant& tenant, std::string_view job_id);
std::string job_file(const Tenant& tenant, std::string_view job_id);
std::string job_input(const Tenant& tenant, std::string_view job_id);
std::string status_file(const Tenant& tenant, std::string_view job_id);
std::string deleted(const Tenant& tenant, std::string_view job_id);
std::string attempts(const Tenant& tenant, std::string_view job_id);
std::string attempt(const Tenant& tenant, std::string_view job_id, int number);  // …/attempts/<n>, n from 1

}  // namespace layout
}  // namespace vbrain::artifacts
