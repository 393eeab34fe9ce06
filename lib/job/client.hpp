#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "job/retention.hpp"
#include "kube/api/object.hpp"

namespace vbrain::job {

enum class Role { kLeader, kDeveloper, kStakeholder };

// "leader", "developer" or "stakeholder".
std::string_view to_string(Role role);
std::optional<Role> parse_role(std::string_view text);

// The hash of one API key. The key itself is not stored.
struct ApiKey {
  std::string id;
  std::string sha256;  // lower-case hex of the secret part
  std::optional<base::TimePoint> expires_at;
};

struct Member {
  std::string username;
  Role role = Role::kStakeholder;
  std::vector<ApiKey> keys;
};

// What a tenant's repositories and jobs take on the volume, as the leading controller measured it last. Each Client of
// the tenant carries the same.
struct SpaceUsage {
  std::int64_t bytes = 0;
  std::int64_t files = 0;
  std::int64_t jobs = 0;
  std::int64_t repositories = 0;
  base::TimePoint measured_at{};

  bool operator==(const SpaceUsage&) const = default;
};

nlohmann::json encode(const SpaceUsage& usage);

// The annotation with which an operator confirms that the deletion of the Client removes the tenant's files, its only
// value, and the finalizer that holds such a Client until they are removed.
inline constexpr std::string_view kPurgeAnnotation = "vbrain.visagio.com/purge";
inline constexpr std::string_view kPurgeConfirmed = "confirm";
inline constexpr std::string_view kPurgeFinalizer = "vbrain.visagio.com/purge";

// The Client custom resource: a tenant (organization, application, client) and the users who may act for it.
struct Client {
  static const kube::ResourceType kType;

  kube::ObjectMeta meta;
  std::string organization_id;
  std::string application_id;
  std::string client_id;
  std::optional<std::int32_t> max_concurrent_jobs;
  std::vector<Member> members;
  std::vector<kube::Condition> conditions;  // of its status; only the controller's registry reads them
  std::string storage_quota;                // a Kubernetes quantity, empty: none
  Retention retention;
  std::string webhook_url;          // the callback_url of new jobs whose request names none; empty: none
  bool purge_confirmed = false;     // has kPurgeAnnotation with kPurgeConfirmed
  std::optional<SpaceUsage> usage;  // of its status; absent: not measured yet

  // Throws kube::DecodeError for an object that does not match the CRD's schema.
  static Client decode(const nlohmann::json& object);
};

// The ids of all keys of all members; one that is there twice is there twice.
std::vector<std::string> key_ids(const Client& client);

}  // namespace vbrain::job
