#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/time/clock.hpp"
#include "kube/api/object.hpp"

namespace vbrain::kube {

// The rules of leader election over coordination.k8s.io/v1 Leases, without I/O. As in client-go's leaderelection, a
// Lease has expired when this process has seen it unchanged for its duration, so clocks of different machines are never
// compared.

struct Lease {
  ObjectMeta meta;
  std::string holder;  // "" when released
  std::int64_t duration_seconds = 0;
  std::string acquire_time;  // as on the server; never used in calculations
  std::string renew_time;
  std::int64_t transitions = 0;

  static const ResourceType kType;
  static Lease decode(const nlohmann::json& object);  // throws DecodeError
};

struct LeaseConfig {
  std::string namespace_name;
  std::string name;
  std::string identity;  // unique per process, e.g. pod name and a random part
  // After a crash of the holder another candidate takes over within duration + 2 * 1.2 * retry: 14.8 s.
  std::chrono::milliseconds lease_duration{10'000};
  std::chrono::milliseconds renew_deadline{7'000};
  std::chrono::milliseconds retry_period{2'000};
};

// "" if the times are valid (retry * 1.2 < deadline < duration, all positive), else a sentence.
std::string check(const LeaseConfig& config);

// The last known state of the Lease and when it was first seen, by the local steady clock.
class LeaseView {
 public:
  // Records the server's current state. A Lease that differs from the last one starts a new observation.
  void observe(const std::optional<Lease>& lease, base::SteadyPoint now);

  const std::optional<Lease>& lease() const { return lease_; }
  base::SteadyPoint since() const { return since_; }

 private:
  std::optional<Lease> lease_;
  base::SteadyPoint since_{};
};

enum class LeaseMove {
  kCreate,    // there is no Lease
  kRenew,     // this process holds it
  kTakeOver,  // released, or expired by this observation
  kWait,      // another process holds it
};

LeaseMove decide(const LeaseView& view, std::string_view identity, base::SteadyPoint now);

// The object to write for a move other than kWait. It contains the observed resourceVersion, so that of two candidates
// one gets kConflict.
nlohmann::json lease_body(const LeaseView& view, LeaseMove move, const LeaseConfig& config, base::TimePoint now);

// The object that releases the Lease: no holder, duration one second. Only for a Lease that this process holds.
nlohmann::json released_body(const Lease& lease, base::TimePoint now);

}  // namespace vbrain::kube
