#include "controller/config.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <iostream>

#include "base/log/log.hpp"
#include "base/text/digest.hpp"

namespace vbrain::controller {
namespace {

using std::chrono::milliseconds;

std::string default_identity() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  // Names must differ between two processes of one host, and between two pods that share a host name.
  return std::string(host.data()) + "_" + base::sha256_hex(base::random_bytes(16)).substr(0, 8);
}

}  // namespace

base::OptionsOutcome read_config(int argc, const char* const* argv, Config& config) {
  CLI::App app(
      "Runs vBrain's Jobs: watches Job resources, creates their pods and records how they end. 'controller "
      "release-jobs' removes vBrain's finalizers from all Jobs and Clients, for an uninstallation that removes their "
      "definition. "
      "'controller usage' prints what each "
      "tenant stores on the volume.",
      "controller");
  app.set_version_flag("--version", VBRAIN_VERSION);
  app.add_option("--metrics-listen", config.metrics_listen,
                 "Address of /livez, /readyz and /metrics. Port 0: any free port")
      ->capture_default_str();
  app.add_option("--address-file", config.address_file,
                 "File to which the address of --metrics-listen is written when the controller listens");
  app.add_option("--volume", config.volume, "Folder of the shared volume")->capture_default_str();
  app.add_option("--volume-claim", config.volume_claim, "PersistentVolumeClaim of the shared volume, for job pods")
      ->capture_default_str();
  app.add_option("--volume-gid", config.volume_gid, "Group (GID) that owns the files of the shared volume")
      ->capture_default_str()
      ->check(CLI::Range(0, 2147483647));
  app.add_option("--work-size-limit", config.work_size_limit,
                 "Size of a job's local work folder, for applications without outputLimit; a quantity")
      ->capture_default_str();
  app.add_option("--template-secrets", config.template_secrets,
                 "Names of the Secrets that Applications' pod templates may use")
      ->delimiter(',');
  app.add_option("--runner-source", config.runner_source,
                 "Folder with the runner and its lib/; the controller copies it to the volume")
      ->capture_default_str();
  app.add_option("--namespace", config.namespace_name,
                 "Namespace of the installation (default: that of the kubeconfig or of this pod)");
  app.add_option("--kubeconfig", config.kubeconfig, "Kubeconfig file, to reach the API server from outside a cluster");
  app.add_option("--identity", config.identity, "Name of this process in the Lease, unique per process");
  app.add_option("--workers", config.workers, "Largest number of jobs that are reconciled at the same time")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--leader-elect", config.leader_elect,
                 "Reconcile jobs only while this process holds the Lease (true or false)")
      ->capture_default_str();
  app.add_option("--lease-name", config.lease_name, "Name of the Lease")->capture_default_str();
  base::add_duration(app, "--lease-duration", config.lease_duration,
                     "Time after which other controllers may take a Lease that is not renewed");
  base::add_duration(app, "--renew-deadline", config.renew_deadline,
                     "Time after which the holder gives up a Lease that it could not renew");
  base::add_duration(app, "--retry-period", config.retry_period, "Time between two reads or renewals of the Lease");
  base::add_duration(
      app, "--stall-timeout", config.stall_timeout,
      "Time after which a leader gives up its Lease because the volume does not answer or no reconcile ends");
  base::add_duration(app, "--node-loss-timeout", config.node_loss_timeout,
                     "Time after which a pod on a node that does not answer is given up");
  base::add_duration(app, "--retry-backoff", config.retry_backoff,
                     "Time between a failed attempt and the next; doubled with every attempt, up to 6 min");
  base::add_duration(app, "--pod-retention-success", config.pod_retention_success,
                     "Time after which the pods of a job that ended well are removed; its files stay");
  base::add_duration(app, "--pod-retention-failure", config.pod_retention_failure, "The same for a job that failed");
  base::add_duration(
      app, "--scan-interval", config.scan_interval,
      "Time between two scans of the volume for jobs without a Job resource and for unfinished writes; never "
      "less than ten times as long as the scan took");
  base::add_duration(app, "--sweep-age", config.sweep_age,
                     "Age at which folders in .staging and .trash of the volume are removed");
  base::add_duration(app, "--space-interval", config.space_interval,
                     "Time between two walks that measure what each tenant stores and remove what spec.retention says");
  app.add_option("--webhook-allow", config.webhooks.allow,
                 "Hosts that webhooks are sent to, such as hooks.example.com, *.corp.example, hooks.example.com:8443, "
                 "http://hooks.corp.example, hooks.corp.example=10.1.2.0/24 (only there) or 10.1.2.0/24. None: no "
                 "webhook is sent")
      ->delimiter(',');
  app.add_option(
         "--webhook-deny", config.webhooks.deny,
         "Networks that no webhook is sent to unless --webhook-allow names them: public addresses of the cluster")
      ->delimiter(',');
  app.add_option("--webhook-secrets", config.webhooks.secrets,
                 "Folder with the secrets that webhooks are signed with: a file for each Client, named like it");
  app.add_option("--webhook-ca-file", config.webhooks.ca_file,
                 "PEM file with further authorities that the certificates of receivers may be of; it must hold one");
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
  if (config.space_interval < std::chrono::seconds(1)) return "--space-interval: at least 1s";
  if (std::string fault = check(config.webhooks); !fault.empty()) return fault;
  return {};
}

}  // namespace vbrain::controller
