#include "kube/runtime/lease.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace vbrain::kube {
namespace {

using nlohmann::json;

// Used if the holder did not write a duration.
constexpr std::int64_t kDefaultDurationSeconds = 10;
// No valid configuration exceeds this; larger values would overflow the clock arithmetic.
constexpr std::int64_t kMaxDurationSeconds = 86'400;

json object_around(const std::string& ns, const std::string& name) {
  return {{"apiVersion", api_version(Lease::kType)},
          {"kind", Lease::kType.kind},
          {"metadata", {{"namespace", ns}, {"name", name}}}};
}

void keep_meta(json& object, const ObjectMeta& meta) {
  object["metadata"]["resourceVersion"] = meta.resource_version;
  object["metadata"]["uid"] = meta.uid;
  if (!meta.labels.empty()) object["metadata"]["labels"] = meta.labels;
}

}  // namespace

const ResourceType Lease::kType{"coordination.k8s.io", "v1", "leases", "Lease"};

Lease Lease::decode(const json& object) {
  Lease lease;
  lease.meta = decode_meta(object);
  const json* spec = find_member(object, "spec");
  if (spec == nullptr) return lease;
  lease.holder = get_string(*spec, "holderIdentity");
  lease.duration_seconds = get_int(*spec, "leaseDurationSeconds");
  lease.acquire_time = get_string(*spec, "acquireTime");
  lease.renew_time = get_string(*spec, "renewTime");
  lease.transitions = get_int(*spec, "leaseTransitions");
  return lease;
}

std::string check(const LeaseConfig& config) {
  if (config.name.empty() || config.namespace_name.empty()) return "the lease has no name or namespace";
  if (config.identity.empty()) return "the candidate has no identity";
  if (config.lease_duration < std::chrono::seconds(1)) return "the lease's duration is below one second";
  if (config.retry_period.count() <= 0) return "the retry period is not positive";
  if (config.renew_deadline >= config.lease_duration) return "the renew deadline is not below the lease's duration";
  if (config.retry_period * 12 / 10 >= config.renew_deadline) return "the retry period is too near the renew deadline";
  return {};
}

void LeaseView::observe(const std::optional<Lease>& lease, base::SteadyPoint now) {
  const bool same = lease.has_value() == lease_.has_value() &&
                    (!lease || (lease->meta.uid == lease_->meta.uid &&
                                lease->meta.resource_version == lease_->meta.resource_version));
  if (!same) since_ = now;
  lease_ = lease;
}

LeaseMove decide(const LeaseView& view, std::string_view identity, base::SteadyPoint now) {
  const auto& lease = view.lease();
  if (!lease) return LeaseMove::kCreate;
  if (lease->holder == identity) return LeaseMove::kRenew;
  if (lease->holder.empty()) return LeaseMove::kTakeOver;
  const auto said = lease->duration_seconds > 0 ? lease->duration_seconds : kDefaultDurationSeconds;
  const auto seconds = std::min(said, kMaxDurationSeconds);
  return now - view.since() >= std::chrono::seconds(seconds) ? LeaseMove::kTakeOver : LeaseMove::kWait;
}

json lease_body(const LeaseView& view, LeaseMove move, const LeaseConfig& config, base::TimePoint now) {
  json object = object_around(config.namespace_name, config.name);
  const std::string time = base::format_rfc3339_micro(now);
  json spec = {{"holderIdentity", config.identity},
               {"leaseDurationSeconds", std::chrono::ceil<std::chrono::seconds>(config.lease_duration).count()},
               {"acquireTime", time},
               {"renewTime", time},
               {"leaseTransitions", 0}};
  if (const auto& lease = view.lease()) {
    keep_meta(object, lease->meta);
    const bool renews = move == LeaseMove::kRenew;
    spec["leaseTransitions"] = lease->transitions + (renews ? 0 : 1);
    if (renews && !lease->acquire_time.empty()) spec["acquireTime"] = lease->acquire_time;
  }
  object["spec"] = std::move(spec);
  return object;
}

json released_body(const Lease& lease, base::TimePoint now) {
  json object = object_around(lease.meta.namespace_name, lease.meta.name);
  keep_meta(object, lease.meta);
  const std::string time = base::format_rfc3339_micro(now);
  object["spec"] = {
      {"leaseDurationSeconds", 1}, {"acquireTime", time}, {"renewTime", time}, {"leaseTransitions", lease.transitions}};
  return object;
}

}  // namespace vbrain::kube
