#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "kube/api/object.hpp"

namespace vbrain::kube {

// The rules of leader election over coordination.k8s.io/v1 Leases, without I/O. Same as client-go's leaderelection:
// a lease is expired when *we* have seen it unchanged for its duration, so clocks of machines are never compared.

struct Lease {
  ObjectMeta meta;
  std::string holder;  // "" when released
  std::int64_t duration_seconds = 0;
  std::string acquire_time;  // as the server has them: never computed with
  std::string renew_time;
  std::int64_t transitions = 0;

  static const ResourceType kType;
  static Lease decode(const nlohmann::json& object);  // throws DecodeError
};

struct LeaseConfig {
  std::string namespace_name;
  std::string name;
  std::string identity;  // unique per process, e.g. pod name and a random part
  // Whoever takes over from a killed holder does so within duration + 2 * 1.2 * retry: 14.8 s.
  std::chrono::milliseconds lease_duration{10'000};
  std::chrono::milliseconds renew_deadline{7'000};
  std::chrono::milliseconds retry_period{2'000};
};

// "" if the times make sense (retry * 1.2 < deadline < duration, all positive), else a sentence.
std::string check(const LeaseConfig& config);

// What we know of the lease and since when, by our own steady clock.
class LeaseView {
 public:
  // Notes what the server has now. A lease that differs from the last one seen starts a new observation.
  void observe(const std::optional<Lease>& lease, base::SteadyPoint now);

  const std::optional<Lease>& lease() const { return lease_; }
  base::SteadyPoint since() const { return since_; }

 private:
  std::optional<Lease> lease_;
  base::SteadyPoint since_{};
};

enum class LeaseMove {
  kCreate,    // there is none
  kRenew,     // it is ours
  kTakeOver,  // released, or expired by our observation
  kWait,      // another holds it
};

LeaseMove decide(const LeaseView& view, std::string_view identity, base::SteadyPoint now);

// The object to write for a move other than kWait. Carries the observed resourceVersion, so that of two candidates
// one gets kConflict.
nlohmann::json lease_body(const LeaseView& view, LeaseMove move, const LeaseConfig& config, base::TimePoint now);

// The object that gives the lease up: no holder, one second. Only for a lease of ours.
nlohmann::json released_body(const Lease& lease, base::TimePoint now);

}  // namespace vbrain::kube
