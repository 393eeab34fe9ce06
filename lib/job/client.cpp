#include "job/client.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "job/decode.hpp"

namespace vbrain::job {
namespace {

using kube::DecodeError;
using kube::find_member;
using kube::get_string;
using nlohmann::json;

constexpr std::array<std::pair<Role, std::string_view>, 3> kRoles = {{
    {Role::kLeader, "leader"},
    {Role::kDeveloper, "developer"},
    {Role::kStakeholder, "stakeholder"},
}};

Member decode_member(const json& source) {
  Member member;
  member.username = get_string(source, "username");
  const auto role = parse_role(get_string(source, "role"));
  if (!role) throw DecodeError("field 'role' is not leader, developer or stakeholder");
  member.role = *role;
  for (const json& key : list_of(source, "keys")) {
    member.keys.push_back({get_string(key, "id"), get_string(key, "sha256"), kube::get_time(key, "expiresAt")});
  }
  return member;
}

std::optional<SpaceUsage> decode_usage(const json& object) {
  const json* status = find_member(object, "status");
  const json* usage = status == nullptr ? nullptr : find_member(*status, "usage");
  if (usage == nullptr) return std::nullopt;
  return SpaceUsage{.bytes = kube::get_int(*usage, "bytes"),
                    .files = kube::get_int(*usage, "files"),
                    .jobs = kube::get_int(*usage, "jobs"),
                    .repositories = kube::get_int(*usage, "repositories"),
                    .measured_at = kube::get_time(*usage, "measuredAt").value_or(base::TimePoint{})};
}

bool confirms_purge(const json& object) {
  const json* meta = find_member(object, "metadata");
  const json* annotations = meta == nullptr ? nullptr : find_member(*meta, "annotations");
  const json* value = annotations == nullptr ? nullptr : find_member(*annotations, kPurgeAnnotation);
  return value != nullptr && *value == kPurgeConfirmed;
}

}  // namespace

const kube::ResourceType Client::kType{"vbrain.visagio.com", "v1", "clients", "Client"};

std::string_view to_string(Role role) {
  return kRoles[static_cast<std::size_t>(role)].second;
}

std::optional<Role> parse_role(std::string_view text) {
  const auto found = std::ranges::find(kRoles, text, &std::pair<Role, std::string_view>::second);
  if (found == kRoles.end()) return std::nullopt;
  return found->first;
}

Client Client::decode(const json& object) {
  Client client;
  client.meta = kube::decode_meta(object);
  const json& spec = spec_of(object);
  client.organization_id = get_string(spec, "organizationId");
  client.application_id = get_string(spec, "applicationId");
  client.client_id = get_string(spec, "clientId");
  if (const auto limit = kube::get_optional_int(spec, "maxConcurrentJobs")) {
    client.max_concurrent_jobs = static_cast<std::int32_t>(*limit);
  }
  for (const json& member : list_of(spec, "members")) client.members.push_back(decode_member(member));
  client.conditions = kube::decode_conditions(object);
  client.storage_quota = get_string(spec, "storageQuota");
  client.retention = decode_retention(spec);
  if (const json* webhook = find_member(spec, "webhook")) client.webhook_url = get_string(*webhook, "url");
  client.purge_confirmed = confirms_purge(object);
  client.usage = decode_usage(object);
  return client;
}

std::vector<std::string> key_ids(const Client& client) {
  std::vector<std::string> ids;
  for (const Member& member : client.members) {
    for (const ApiKey& key : member.keys) ids.push_back(key.id);
  }
  return ids;
}

json encode(const SpaceUsage& usage) {
  return {{"bytes", usage.bytes},
          {"files", usage.files},
          {"jobs", usage.jobs},
          {"repositories", usage.repositories},
          {"measuredAt", base::format_rfc3339_seconds(usage.measured_at)}};
}

}  // namespace vbrain::job
