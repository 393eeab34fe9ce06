#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/options.hpp"

namespace vbrain::api {

// Limits of what requests may contain and take (docs/interfaces.md).
struct Limits {
  std::uint64_t max_json_bytes = 1ULL << 20;
  std::uint64_t max_json_memory = 32ULL << 20;  // of all requests together; one beyond gets 503
  std::uint64_t max_upload_bytes = 10ULL << 30;
  std::uint64_t max_archive_entries = 65'535;
  std::uint64_t max_inflated_bytes = 50ULL << 30;
  std::uint64_t max_inflate_ratio = 0;                // unpacked : packed, of each file and of the archive; 0: no limit
  std::uint64_t archive_code_page = 437;              // or 850
  std::uint64_t max_spool_bytes = 128ULL << 30;       // of archives on the volume that are being sent
  std::uint64_t max_local_spool_bytes = 48ULL << 20;  // of archives while the volume takes no writes
  std::uint64_t max_auth_failures_per_minute = 60;    // of one source (FailureLimit); 0: no limit
  std::uint64_t max_waits = 5'000;                    // requests that wait at a time (JobWaits)
  std::uint64_t max_idempotency_keys = 100'000;       // of one tenant within a day (KeyCounts)
  std::uint64_t max_uploads = 100;                    // of one tenant, not used yet
  std::chrono::milliseconds upload_expiry{86'400'000};  // without a change
  std::uint64_t max_requests_per_second = 0;            // of one tenant (TokenBucket); 0: no limit
  std::uint64_t max_request_burst = 0;                  // of one tenant at once; 0: as many as in a second
  std::uint64_t max_connections_per_tenant = 5'000;     // open at a time; read_config() chooses it if it is not set
  std::uint64_t max_queued = 1024;                      // requests waiting for a thread of a pool, of each
  std::vector<std::string> webhook_allow = {};          // hosts of callback_url (http::AllowList); none: it is refused
};

// Threads that read long lists.
inline constexpr std::size_t kListWorkers = 4;

struct Config {
  std::string listen = "0.0.0.0:8080";
  std::string metrics_listen = "0.0.0.0:9090";
  std::string tls_cert;  // PEM files; both empty: HTTP without TLS
  std::string tls_key;
  std::string address_file;  // empty: none
  std::string volume = "/var/lib/vbrain";
  std::string namespace_name;  // empty: the one of the kubeconfig or of our pod
  std::string kubeconfig;      // empty: $KUBECONFIG, else in-cluster
  std::string log_level = "info";
  bool docs = true;  // serve the OpenAPI document and its page
  bool web = true;   // serve the page for people
  std::string forwarded_header = "none";
  std::size_t io_threads = 2;
  std::size_t workers = 16;
  std::size_t volume_workers = 16;
  std::size_t bulk_workers = 0;  // 0 only until read_config() has chosen
  std::size_t max_connections = 10'000;
  std::size_t max_connections_per_address = 0;  // 0: no limit
  std::size_t max_streams = 1'000;
  std::size_t max_header_bytes = 32 * 1024;
  Limits limits;
  std::chrono::milliseconds header_timeout{15'000};
  std::chrono::milliseconds body_timeout{15'000};
  std::chrono::milliseconds idle_timeout{75'000};
  std::chrono::milliseconds volume_timeout{60'000};  // how long a request waits for a volume that does not answer
  std::chrono::milliseconds bulk_timeout{300'000};   // how long a request waits for a bulk worker
  std::chrono::milliseconds kube_timeout{10'000};    // one call to the Kubernetes API
  std::chrono::milliseconds drain_delay{2'000};      // not ready but still serving, until load balancers know
  std::chrono::milliseconds drain_timeout{20'000};
};

// Fills `config` from argv, environment and --config file; see base::read_options.
base::OptionsOutcome read_config(int argc, const char* const* argv, Config& config);

// Logs every value at start.
void log_config(const Config& config);

}  // namespace vbrain::api
