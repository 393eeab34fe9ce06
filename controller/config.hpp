#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "base/options.hpp"
#include "controller/webhooks/settings.hpp"

namespace vbrain::controller {

// All settings with their defaults. Set from flags, environment and file (base/options.hpp).
struct Config {
  std::string metrics_listen = "0.0.0.0:9090";
  std::string address_file;
  std::string volume = "/var/lib/vbrain";
  std::string volume_claim = "vbrain";
  int volume_gid = 2000;
  std::string work_size_limit = "10Gi";
  std::vector<std::string> template_secrets;
  std::string runner_source = "/opt/vbrain/bin";
  std::string namespace_name;  // empty: the kubeconfig's or the pod's own
  std::string kubeconfig;      // empty: $KUBECONFIG, the in-cluster configuration, ~/.kube/config
  std::string identity;        // empty: host name and process id
  std::size_t workers = 16;
  bool leader_elect = true;
  std::string lease_name = "vbrain-controller";
  std::chrono::milliseconds lease_duration{10'000};
  std::chrono::milliseconds renew_deadline{7'000};
  std::chrono::milliseconds retry_period{2'000};
  std::chrono::milliseconds stall_timeout{25'000};
  std::chrono::milliseconds node_loss_timeout{300'000};
  std::chrono::milliseconds retry_backoff{10'000};
  std::chrono::milliseconds pod_retention_success{600'000};
  std::chrono::milliseconds pod_retention_failure{3'600'000};
  std::chrono::milliseconds scan_interval{60'000};
  std::chrono::milliseconds sweep_age{86'400'000};
  std::chrono::milliseconds space_interval{60'000};
  WebhookSettings webhooks;
  std::string log_level = "info";
};

// Reads the command line, the environment and the file into `config`; prints errors (base/options.hpp).
base::OptionsOutcome read_config(int argc, const char* const* argv, Config& config);

// Checks settings against each other. Returns a sentence, or "" if they are valid.
std::string check(const Config& config);

}  // namespace vbrain::controller
