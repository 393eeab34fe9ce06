#include "controller/release.hpp"

#include <cstdint>
#include <optional>
#include <stdexcept>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "controller/uninstall/release_jobs.hpp"
#include "kube/api/config.hpp"
#include "kube/runtime/leader_elector.hpp"
#include "kube/transport/rest_transport.hpp"

namespace vbrain::controller {

int run_release(const Config& config, std::stop_token stop) {
  auto kube_config = kube::load_config(config.kubeconfig);
  if (!kube_config) throw std::runtime_error(kube_config.error());
  kube_config->user_agent = "vbrain-controller/" VBRAIN_VERSION;
  const std::string ns = config.namespace_name.empty() ? kube_config->namespace_name : config.namespace_name;
  const auto transport = kube::make_rest_transport(*kube_config);
  if (!transport) throw std::runtime_error(transport.error());
  kube::ApiClient client(**transport);
  base::Metrics metrics;
  const base::SystemClock clock;
  kube::LeaderElector elector(**transport,
                              {.namespace_name = ns,
                               .name = config.lease_name,
                               .identity = config.identity,
                               .lease_duration = config.lease_duration,
                               .renew_deadline = config.renew_deadline,
                               .retry_period = config.retry_period},
                              clock, metrics);
  std::optional<kube::KubeResult<Release>> outcome;
  elector.run(stop, [&](std::stop_token leading) { outcome = release_jobs(client, ns, {}, leading); });
  if (!outcome || !*outcome) {
    const std::string why = outcome ? outcome->error().message : "the lease was not to be had";
    base::log_error("could not release all jobs; run it again", {{"namespace", ns}, {"error", why}});
    return 1;
  }
  const Release& done = **outcome;
  base::log_info("released jobs", {{"namespace", ns}, {"jobs", static_cast<std::int64_t>(done.released)}});
  if (done.refused == 0) return 0;
  for (const std::string& reason : done.reasons) base::log_warning("a job was not released", {{"job", reason}});
  base::log_error("some jobs still carry the finalizer; mend what refuses their patches, then run it again",
                  {{"namespace", ns}, {"jobs", static_cast<std::int64_t>(done.refused)}});
  return 1;
}

}  // namespace vbrain::controller
