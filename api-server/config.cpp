#include "api-server/config.hpp"

#include <CLI/CLI.hpp>

#include "base/duration.hpp"
#include "base/log.hpp"

namespace vbrain::api {
namespace {

using std::chrono::milliseconds;

void add_duration(CLI::App& app, const std::string& name, milliseconds& value, const std::string& help) {
  app.add_option_function<std::string>(
         name,
         [&value, name](const std::string& text) {
           const auto parsed = base::parse_duration(text);
           if (!parsed) throw CLI::ValidationError(name, "'" + text + "' is no time such as 500ms, 15s or 2m");
           value = *parsed;
         },
         help)
      ->type_name("TIME")
      ->default_str(std::to_string(value.count()) + "ms");
}

template <class T>
void add_number(CLI::App& app, const std::string& name, T& value, std::uint64_t low, std::uint64_t high,
                const std::string& help) {
  app.add_option(name, value, help)->capture_default_str()->check(CLI::Range(low, high));
}

}  // namespace

base::OptionsOutcome read_config(int argc, const char* const* argv, Config& config) {
  CLI::App app(
      "Serves vBrain's REST API: keeps what clients send on the shared volume and makes Job resources of it. "
      "'api-server keygen --help' tells how to make API keys, 'api-server check --help' how to ask a running server.",
      "api-server");
  app.set_version_flag("--version", VBRAIN_VERSION);
  app.add_option("--listen", config.listen, "Address of the REST API; port 0: any")->capture_default_str();
  app.add_option("--metrics-listen", config.metrics_listen, "Address of /livez, /readyz and /metrics; port 0: any")
      ->capture_default_str();
  app.add_option("--address-file", config.address_file,
                 "File to write both addresses to, one a line, once they are bound");
  app.add_option("--volume", config.volume, "Folder of the shared volume")->capture_default_str();
  app.add_option("--namespace", config.namespace_name,
                 "Namespace of Jobs, Applications and Clients (default: the kubeconfig's or our pod's)");
  app.add_option("--kubeconfig", config.kubeconfig, "Kubeconfig file (default: $KUBECONFIG, else in-cluster)");
  app.add_option("--log-level", config.log_level, "debug, info, warning or error")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  add_number(app, "--io-threads", config.io_threads, 1, 64, "Threads that move bytes");
  add_number(app, "--workers", config.workers, 1, 1024, "Threads that talk to the Kubernetes API");
  add_number(app, "--volume-workers", config.volume_workers, 1, 1024, "Threads that work on the volume");
  add_number(app, "--bulk-workers", config.bulk_workers, 1, 1024,
             "Threads that unpack uploads, publish files and make archives");
  add_number(app, "--max-queued", config.max_queued, 1, 1'000'000, "Requests that may wait for such a thread");
  add_number(app, "--max-connections", config.max_connections, 1, 1'000'000,
             "Open connections of clients; the limit of open files must be higher");
  add_number(app, "--max-header-bytes", config.max_header_bytes, 1024, 1 << 20, "Largest head of a request");
  add_number(app, "--max-json-bytes", config.limits.max_json_bytes, 1024, 1 << 26,
             "Largest JSON body, and params or metadata field");
  add_number(
      app, "--max-json-memory", config.limits.max_json_memory, 1 << 20, 1ULL << 40,
      "Bytes of JSON of all requests together, half of it for one tenant; working on them takes up to five times "
      "this memory");
  add_number(app, "--max-upload-bytes", config.limits.max_upload_bytes, 1024, 1ULL << 50, "Largest multipart body");
  add_number(app, "--max-archive-entries", config.limits.max_archive_entries, 1, 1ULL << 24, "Entries of an archive");
  add_number(app, "--max-inflated-bytes", config.limits.max_inflated_bytes, 1024, 1ULL << 50,
             "Bytes of an unpacked archive");
  add_number(app, "--max-local-spool-bytes", config.limits.max_local_spool_bytes, 0, 1ULL << 50,
             "Archives to send that are kept in $TMPDIR (/tmp) while the volume is full or read-only, together");
  add_number(
      app, "--max-auth-failures-per-minute", config.limits.max_auth_failures_per_minute, 0, 1'000'000'000,
      "Wrong API keys of one source (an IPv4 address or an IPv6 /64), beyond which it gets 429 for them; right keys "
      "pass. 0: no limit. Behind a proxy all clients are one source");
  add_duration(app, "--header-timeout", config.header_timeout, "From a request's first byte to the end of its head");
  add_duration(app, "--body-timeout", config.body_timeout, "For each next 64 KiB of a body, in either direction");
  add_duration(app, "--idle-timeout", config.idle_timeout, "Between two requests of a connection");
  add_duration(app, "--volume-timeout", config.volume_timeout,
               "How long a request waits for a volume that does not answer");
  add_duration(app, "--kube-timeout", config.kube_timeout, "One call to the Kubernetes API");
  add_duration(app, "--drain-delay", config.drain_delay, "After SIGTERM: not ready, but still serving");
  add_duration(app, "--drain-timeout", config.drain_timeout, "Then: time to answer what is under way");
  base::add_environment_and_config(app);
  return base::read_options(app, argc, argv);
}

void log_config(const Config& config) {
  base::log_info("configuration", {{"version", VBRAIN_VERSION},
                                   {"listen", config.listen},
                                   {"metrics_listen", config.metrics_listen},
                                   {"volume", config.volume},
                                   {"namespace", config.namespace_name},
                                   {"kubeconfig", config.kubeconfig},
                                   {"io_threads", config.io_threads},
                                   {"workers", config.workers},
                                   {"volume_workers", config.volume_workers},
                                   {"bulk_workers", config.bulk_workers},
                                   {"max_queued", config.max_queued},
                                   {"max_connections", config.max_connections},
                                   {"max_header_bytes", config.max_header_bytes},
                                   {"max_json_bytes", config.limits.max_json_bytes},
                                   {"max_json_memory", config.limits.max_json_memory},
                                   {"max_upload_bytes", config.limits.max_upload_bytes},
                                   {"max_archive_entries", config.limits.max_archive_entries},
                                   {"max_inflated_bytes", config.limits.max_inflated_bytes},
                                   {"max_local_spool_bytes", config.limits.max_local_spool_bytes},
                                   {"max_auth_failures_per_minute", config.limits.max_auth_failures_per_minute},
                                   {"header_timeout_ms", config.header_timeout.count()},
                                   {"body_timeout_ms", config.body_timeout.count()},
                                   {"idle_timeout_ms", config.idle_timeout.count()},
                                   {"volume_timeout_ms", config.volume_timeout.count()},
                                   {"kube_timeout_ms", config.kube_timeout.count()},
                                   {"drain_delay_ms", config.drain_delay.count()},
                                   {"drain_timeout_ms", config.drain_timeout.count()}});
}

}  // namespace vbrain::api
