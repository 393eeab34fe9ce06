#include "controller/config.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <iostream>

#include "base/digest.hpp"
#include "base/duration.hpp"
#include "base/log.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;

void add_duration(CLI::App& app, const std::string& name, milliseconds& target, const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [&target, name](const std::string& text) {
           const auto parsed = base::parse_duration(text);
           if (!parsed) throw CLI::ValidationError(name, "'" + text + "' is no duration such as 300s, 5m or 1h30m");
           target = *parsed;
         },
         help)
      ->type_name("DURATION")
      ->default_str(std::to_string(target.count() / 1000) + "s");
}

std::string default_identity() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  // Names must differ between two processes of one host, and between two pods that share a host name.
  return std::string(host.data()) + "_" + base::sha256_hex(base::random_bytes(16)).substr(0, 8);
}

}  // namespace

base::OptionsOutcome read_config(int argc, const char* const* argv, Config& config) {
  CLI::App app(
      "Runs vBrain's Jobs: watches Job resources, makes their pods and records what comes of them. 'controller "
      "release-jobs' takes its finalizer from all Jobs, for an uninstallation that removes their definition.",
      "controller");
  app.set_version_flag("--version", VBRAIN_VERSION);
  app.add_option("--metrics-listen", config.metrics_listen, "Address of /livez, /readyz and /metrics; port 0: any")
      ->capture_default_str();
  app.add_option("--address-file", config.address_file,
                 "File to write the address of --metrics-listen to, once it listens");
  app.add_option("--volume", config.volume, "Folder of the shared volume")->capture_default_str();
  app.add_option("--volume-claim", config.volume_claim, "PersistentVolumeClaim of the shared volume, for job pods")
      ->capture_default_str();
  app.add_option("--volume-gid", config.volume_gid, "Group that owns the files of the shared volume")
      ->capture_default_str()
      ->check(CLI::Range(0, 2147483647));
  app.add_option("--work-size-limit", config.work_size_limit,
                 "Size of a job's local work folder, for applications without outputLimit; a quantity")
      ->capture_default_str();
  app.add_option("--template-secrets", config.template_secrets, "Secrets that applications' templates may use")
      ->delimiter(',');
  app.add_option("--runner-source", config.runner_source, "Folder with the runner and its lib/, put on the volume")
      ->capture_default_str();
  app.add_option("--namespace", config.namespace_name, "Namespace of the installation; default: the one around");
  app.add_option("--kubeconfig", config.kubeconfig, "How to reach the API server from outside a cluster");
  app.add_option("--identity", config.identity, "Name in the lease, unique per process");
  app.add_option("--workers", config.workers, "Jobs worked on at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--leader-elect", config.leader_elect, "Work only while holding the lease (true, false)")
      ->capture_default_str();
  app.add_option("--lease-name", config.lease_name, "Name of the Lease")->capture_default_str();
  add_duration(app, "--lease-duration", config.lease_duration, "After which others may take a lease not renewed");
  add_duration(app, "--renew-deadline", config.renew_deadline, "After which the holder gives up a lease not renewed");
  add_duration(app, "--retry-period", config.retry_period, "Between two looks at the lease");
  add_duration(app, "--stall-timeout", config.stall_timeout,
               "After which a leader gives up its lease because the volume does not answer or no reconcile ends");
  add_duration(app, "--node-loss-timeout", config.node_loss_timeout,
               "After which a pod that cannot be reached is given up");
  add_duration(app, "--retry-backoff", config.retry_backoff,
               "Between a failed attempt and the next; doubled from attempt to attempt up to 6 min");
  add_duration(app, "--scan-interval", config.scan_interval,
               "Between two walks over the volume for jobs that Kubernetes does not know and for rubbish; never "
               "less than ten times as long as the walk took");
  add_duration(app, "--sweep-age", config.sweep_age,
               "Age from which what lies in .staging and .trash of the volume is removed");
  app.add_option("--log-level", config.log_level, "debug, info, warning or error")->capture_default_str();
  base::add_environment_and_config(app);
  base::OptionsOutcome outcome = base::read_options(app, argc, argv);
  if (!outcome.proceed) return outcome;
  if (config.identity.empty()) config.identity = default_identity();
  if (const std::string fault = check(config); !fault.empty()) {
    std::cerr << "controller: " << fault << " (see --help)\n";
    return {.proceed = false, .exit_code = 2};
  }
  return outcome;
}

std::string check(const Config& config) {
  if (!base::parse_log_level(config.log_level)) return "--log-level: debug, info, warning or error";
  if (config.volume_claim.empty()) return "--volume-claim: needs a name";
  // With a lower value a slow volume would end terms.
  if (config.stall_timeout < std::chrono::seconds(5)) return "--stall-timeout: at least 5s";
  if (config.node_loss_timeout < std::chrono::seconds(1)) return "--node-loss-timeout: at least 1s";
  if (config.retry_backoff < milliseconds(1)) return "--retry-backoff: at least 1ms";
  if (config.scan_interval < std::chrono::seconds(1)) return "--scan-interval: at least 1s";
  // Newer entries may still be in use.
  if (config.sweep_age < std::chrono::minutes(1)) return "--sweep-age: at least 1m";
  return {};
}

}  // namespace vbrain::controller
