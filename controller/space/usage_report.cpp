#include "controller/space/usage_report.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "artifacts/store/layout.hpp"
#include "artifacts/store/store.hpp"
#include "base/log/log.hpp"

namespace vbrain::controller {
namespace {

using Line = std::array<std::string, 9>;

// The names as their users write them, or the components of the path if they are not known. Controls are not valid in
// names.
std::array<std::string, 3> names_of(const std::string& path) {
  if (const auto tenant = artifacts::layout::tenant_of(path)) {
    return {tenant->organization, tenant->application, tenant->client};
  }
  std::array<std::string, 3> names;
  std::size_t from = path.find('/') + 1;
  for (std::string& name : names) {
    const std::size_t to = std::min(path.find('/', from), path.size());
    name = path.substr(from, to - from);
    from = std::min(to + 1, path.size());
  }
  return names;
}

Line line_of(const std::array<std::string, 3>& names, const TenantUsage& usage) {
  return {names[0],
          names[1],
          names[2],
          std::to_string(usage.jobs),
          std::to_string(usage.repositories),
          std::to_string(usage.stored.files),
          std::to_string(usage.stored.bytes),
          std::to_string(usage.staging.bytes),
          std::to_string(usage.trash.bytes)};
}

}  // namespace

std::string render_usage(std::vector<TenantUsage> tenants) {
  std::ranges::stable_sort(tenants, std::ranges::greater(),
                           [](const TenantUsage& usage) { return usage.stored.bytes; });
  std::vector<Line> lines{
      {"ORGANIZATION", "APPLICATION", "CLIENT", "JOBS", "REPOSITORIES", "FILES", "BYTES", "STAGING", "TRASH"}};
  TenantUsage all;
  for (const TenantUsage& usage : tenants) {
    lines.push_back(line_of(names_of(usage.path), usage));
    all.jobs += usage.jobs;
    all.repositories += usage.repositories;
    all.stored += usage.stored;
    all.staging += usage.staging;
    all.trash += usage.trash;
  }
  lines.push_back(line_of({"(all)", "", ""}, all));
  std::array<std::size_t, 9> widths{};
  for (const Line& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const Line& line : lines) {
    std::string row;
    for (std::size_t i = 0; i < line.size(); ++i) {
      row += line[i];
      if (i + 1 < line.size()) row.append(widths[i] - line[i].size() + 3, ' ');
    }
    text += row + "\n";
  }
  return text;
}

int run_usage(const std::string& root, std::ostream& out, std::stop_token stop) {
  const artifacts::Store store(root);
  bool complete = true;
  const artifacts::OnUnreadable note = [&](const std::string& path, const artifacts::VolumeError& error) {
    complete = false;
    base::log_warning("a folder on the volume cannot be read and is not counted; repair it or remove it",
                      {{"folder", path}, {"error", error.what()}});
    return true;
  };
  std::vector<TenantUsage> tenants;
  artifacts::scan_tenants(
      store,
      [&](const artifacts::ScannedTenant& tenant) {
        TenantUsage usage{.path = tenant.path()};
        const auto add_job = [&](const artifacts::ScannedJob&, const artifacts::TreeSize& size) {
          ++usage.jobs;
          usage.stored += size;
          return true;
        };
        const auto add_repository = [&](const artifacts::ScannedRepository& repository) {
          ++usage.repositories;
          usage.stored += repository.size;
          return true;
        };
        const auto go_on = [&] { return !stop.stop_requested(); };
        tenant.each_job(add_job, note, go_on);
        tenant.each_repository(add_repository, note, go_on);
        if (stop.stop_requested()) return false;
        usage.staging = tenant.staging();
        usage.trash = tenant.trash();
        tenants.push_back(std::move(usage));
        return true;
      },
      note);
  if (stop.stop_requested()) return 1;
  out << render_usage(std::move(tenants));
  return complete ? 0 : 1;
}

}  // namespace vbrain::controller
