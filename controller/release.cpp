#include "controller/release.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "job/job.hpp"
#include "kube/api/config.hpp"
#include "kube/runtime/leader_elector.hpp"
#include "kube/transport/rest_transport.hpp"

namespace vbrain::controller {
namespace {

using kube::ErrorCode;
using nlohmann::json;

constexpr std::uint32_t kPage = 500;

// Nothing if the Job does not carry it.
std::optional<json> patch_without_finalizer(const json& job) {
  const json& meta = job.at("metadata");
  std::vector<std::string> finalizers = meta.value("finalizers", std::vector<std::string>{});
  if (std::erase(finalizers, std::string(job::kFinalizer)) == 0) return std::nullopt;
  return json{
      {"metadata",
       {{"uid", meta.at("uid")}, {"resourceVersion", meta.at("resourceVersion")}, {"finalizers", json(finalizers)}}}};
}

// One pass over all Jobs. `again` is set when one was changed meanwhile.
kube::KubeResult<std::size_t> pass(kube::ApiClient& client, const std::string& ns, std::stop_token stop, bool& again) {
  std::size_t released = 0;
  kube::ListOptions options{.limit = kPage};
  do {
    const auto page = client.list(job::Job::kType, ns, options, stop);
    if (!page) return tl::unexpected(page.error());
    for (const json& job : page->at("items")) {
      const auto patch = patch_without_finalizer(job);
      if (!patch) continue;
      const std::string name = job.at("metadata").at("name");
      const auto done = client.patch(job::Job::kType, ns, name, kube::PatchKind::kMerge, *patch, {}, stop);
      if (done) {
        ++released;
      } else if (done.error().code == ErrorCode::kConflict) {
        again = true;
      } else if (done.error().code != ErrorCode::kNotFound) {
        return tl::unexpected(done.error());
      }
    }
    options.continue_token = page->at("metadata").value("continue", "");
  } while (!options.continue_token.empty());
  return released;
}

}  // namespace

kube::KubeResult<std::size_t> release_jobs(kube::ApiClient& client, const std::string& ns, std::stop_token stop) {
  std::size_t released = 0;
  for (bool again = true; again;) {
    again = false;
    const auto one = pass(client, ns, stop, again);
    if (!one && one.error().code == ErrorCode::kNotFound) return released;
    // The list took longer than the API server keeps its pages.
    if (!one && one.error().code == ErrorCode::kGone) {
      again = true;
      continue;
    }
    if (!one) return one;
    released += *one;
  }
  return released;
}

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
  std::optional<kube::KubeResult<std::size_t>> outcome;
  const auto end = elector.run(stop, [&](std::stop_token leading) { outcome = release_jobs(client, ns, leading); });
  if (!outcome || !*outcome) {
    const std::string why = outcome ? outcome->error().message : "the lease was not to be had";
    base::log_error("could not release all jobs", {{"namespace", ns}, {"error", why}});
    return 1;
  }
  static_cast<void>(end);
  base::log_info("released jobs", {{"namespace", ns}, {"jobs", static_cast<std::int64_t>(**outcome)}});
  return 0;
}

}  // namespace vbrain::controller
