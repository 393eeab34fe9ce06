#include "artifacts/store/layout.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "artifacts/archive/utf8.hpp"
#include "base/text/digest.hpp"
#include "base/text/percent.hpp"

namespace vbrain::artifacts {
namespace {

constexpr std::size_t kComponentLimit = 255;  // NAME_MAX
constexpr std::size_t kHashSize = 64;

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_plain(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

// A dot in front would hide the folder, or be "." or "..".
std::string percent_encode(std::string_view name) {
  const std::string_view plain = "_-.";
  if (!name.starts_with('.')) return base::percent_encode(name, plain);
  return "%2E" + base::percent_encode(name.substr(1), plain);
}

void require(bool ok, const char* what) {
  if (!ok) throw std::invalid_argument(what);
}

std::string join(std::string base, std::string_view child) {
  return std::move(base.append("/").append(child));
}

}  // namespace

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > 255) return false;
  // Nearly all names. Each request has five.
  if (std::ranges::all_of(name, [](char c) { return c >= 0x20 && c < 0x7F; })) return true;
  while (!name.empty()) {
    const auto point = take_code_point(name);
    if (!point || is_control(*point)) return false;
  }
  return true;
}

std::string encode_component(std::string_view name) {
  if (!name.empty() && name.size() <= kComponentLimit && std::ranges::all_of(name, is_plain)) return std::string(name);
  require(is_name(name), "not a name: 1 to 255 bytes of UTF-8 without control characters");
  std::string encoded = percent_encode(name);
  if (encoded.size() <= kComponentLimit) return encoded;
  encoded.resize(kComponentLimit - 1 - kHashSize);
  return encoded + "~" + base::sha256_hex(name);
}

bool is_repository_id(std::string_view id) {
  return id.size() == 18 && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_job_folder_name(std::string_view id) {
  return !id.empty() && id.size() <= 63 &&
         std::all_of(id.begin(), id.end(), [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

namespace layout {

std::string bin(std::string_view version) {
  const bool ok =
      !version.empty() && version.size() <= 128 && version[0] != '.' &&
      std::all_of(version.begin(), version.end(), [](char c) { return is_plain(c) || c == '.' || c == '+'; });
  require(ok, "not a version");
  return join("bin", version);
}

std::string tenant(const Tenant& tenant) {
  return "tenants/" + encode_component(tenant.organization) + "/" + encode_component(tenant.application) + "/" +
         encode_component(tenant.client);
}

std::optional<Tenant> tenant_of(std::string_view path) {
  constexpr std::string_view kFolder = "tenants/";
  if (!path.starts_with(kFolder) || path.find('~') != std::string_view::npos) return std::nullopt;
  std::array<std::string, 3> names;
  path.remove_prefix(kFolder.size());
  for (std::string& name : names) {
    const std::string_view component = path.substr(0, path.find('/'));
    auto decoded = base::percent_decode(component);
    if (!decoded || !is_name(*decoded) || encode_component(*decoded) != component) return std::nullopt;
    name = std::move(*decoded);
    path.remove_prefix(std::min(component.size() + 1, path.size()));
  }
  if (!path.empty()) return std::nullopt;
  return Tenant{.organization = names[0], .application = names[1], .client = names[2]};
}

std::string repositories(const Tenant& t) {
  return join(tenant(t), "repositories");
}
std::string jobs(const Tenant& t) {
  return join(tenant(t), "jobs");
}
std::string staging(const Tenant& t) {
  return join(tenant(t), ".staging");
}
std::string trash(const Tenant& t) {
  return join(tenant(t), ".trash");
}

std::string repository(const Tenant& t, std::string_view repository_id) {
  require(is_repository_id(repository_id), "not a repository id");
  return join(repositories(t), repository_id);
}
std::string repository_file(const Tenant& t, std::string_view repository_id) {
  return join(repository(t, repository_id), kRepositoryFile);
}
std::string repository_input(const Tenant& t, std::string_view repository_id) {
  return join(repository(t, repository_id), kInput);
}
std::string markers(const Tenant& t, std::string_view repository_id) {
  return join(repository(t, repository_id), "jobs");
}
std::string marker(const Tenant& t, std::string_view repository_id, std::string_view job_id) {
  require(is_job_folder_name(job_id), "not a job id");
  return join(markers(t, repository_id), job_id);
}

std::string job(const Tenant& t, std::string_view job_id) {
  require(is_job_folder_name(job_id), "not a job id");
  return join(jobs(t), job_id);
}
std::string job_file(const Tenant& t, std::string_view job_id) {
  return join(job(t, job_id), kJobFile);
}
std::string job_input(const Tenant& t, std::string_view job_id) {
  return join(job(t, job_id), kInput);
}
std::string status_file(const Tenant& t, std::string_view job_id) {
  return join(job(t, job_id), kStatusFile);
}
std::string deleted(const Tenant& t, std::string_view job_id) {
  return join(job(t, job_id), kDeleted);
}
std::string attempts(const Tenant& t, std::string_view job_id) {
  return join(job(t, job_id), "attempts");
}
std::string attempt(const Tenant& t, std::string_view job_id, int number) {
  require(number >= 1, "attempts count from 1");
  return join(attempts(t, job_id), std::to_string(number));
}

}  // namespace layout
}  // namespace vbrain::artifacts
