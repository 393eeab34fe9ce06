#include "controller/release.hpp"

#include <cstdint>
#include <stdexcept>
#include <utility>

#include "base/log/log.hpp"
#include "base/metrics.hpp"
#include "base/time/clock.hpp"
#include "controller/uninstall/release_jobs.hpp"
#include "controller/uninstall/uninstall.hpp"
#include "kube/api/config.hpp"
#include "kube/transport/rest_transport.hpp"

namespace vbrain::controller {

int run_release(const Config& config, std::stop_token stop) {
  auto kube_config = kube::load_config(config.kubeconfig);
  if (!kube_config) throw std::runtime_error(kube_config.error());
  kube_config->user_agent = "vbrain-controller/" VBRAIN_VERSION;
  const std::string ns = config.namespace_name.empty() ? kube_config->namespace_name : config.namespace_name;
  const auto transport = kube::make_rest_transport(*kube_config);
  if (!transport) throw std::runtime_error(transport.error());
  return release_all(**transport, ns,
                     {.namespace_name = ns,
                      .name = config.lease_name,
                      .identity = config.identity,
                      .lease_duration = config.lease_duration,
                      .renew_deadline = config.renew_deadline,
                      .retry_period = config.retry_period},
                     std::move(stop));
}

int release_all(kube::Transport& transport, const std::string& ns, const kube::LeaseConfig& lease,
                std::stop_token stop) {
  kube::ApiClient client(transport);
  base::Metrics metrics;
  const base::SystemClock clock;
  kube::LeaderElector elector(transport, lease, clock, metrics);
  kube::KubeResult<Release> outcome = tl::unexpected(
      kube::Error{.code = kube::ErrorCode::kCancelled, .message = "it was stopped before it got the Lease"});
  elector.run(stop, [&](std::stop_token leading) { outcome = release_jobs(client, ns, {}, leading); });
  if (!outcome && stop.stop_requested() && is_being_uninstalled(client, ns, {}).value_or(false)) {
    outcome = release_jobs(client, ns, {}, {});
  }
  if (!outcome) {
    base::log_error("not all Jobs were released; run controller release-jobs again",
                    {{"namespace", ns}, {"error", outcome.error().message}});
    return 1;
  }
  base::log_info("released Jobs and Clients", {{"namespace", ns},
                                               {"jobs", static_cast<std::int64_t>(outcome->released)},
                                               {"clients", static_cast<std::int64_t>(outcome->released_clients)}});
  if (outcome->refused == 0) return 0;
  for (const std::string& reason : outcome->reasons)
    base::log_warning("a Job or Client was not released", {{"object", reason}});
  base::log_error(
      "Jobs or Clients still have the finalizer because their patches were refused; remove the cause, then run "
      "controller "
      "release-jobs again",
      {{"namespace", ns}, {"objects", static_cast<std::int64_t>(outcome->refused)}});
  return 1;
}

}  // namespace vbrain::controller
