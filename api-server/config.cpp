#include "api-server/config.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/log/log.hpp"
#include "base/threads/processors.hpp"
#include "http/client/allow_list.hpp"

namespace vbrain::api {
namespace {

template <class T>
void add_number(CLI::App& app, const std::string& name, T& value, std::uint64_t low, std::uint64_t high,
                const std::string& help) {
  app.add_option(name, value, help)->capture_default_str()->check(CLI::Range(low, high));
}

std::string fault_of_host(const std::string& entry) {
  const auto list = http::AllowList::parse({entry});
  return list ? "" : list.error();
}

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ",") + text;
  return all;
}

}  // namespace

base::OptionsOutcome read_config(int argc, const char* const* argv, Config& config) {
  config.limits.max_connections_per_tenant = 0;  // until all options are read
  CLI::App app(
      "Serves vBrain's REST API: writes what clients send to the shared volume and creates a Job resource for each "
      "job. "
      "'api-server keygen' creates API keys, 'api-server check' asks a running server whether it serves.",
      "api-server");
  app.set_version_flag("--version", VBRAIN_VERSION);
  app.add_option("--listen", config.listen, "Address of the REST API. Port 0: any free port")->capture_default_str();
  app.add_option("--metrics-listen", config.metrics_listen,
                 "Address of /livez, /readyz and /metrics. Port 0: any free port")
      ->capture_default_str();
  CLI::Option* const certificate =
      app.add_option("--tls-cert", config.tls_cert,
                     "PEM file with the certificate of the REST API, then those of its issuers: the API is HTTPS then. "
                     "It is read again when it changes");
  CLI::Option* const key = app.add_option("--tls-key", config.tls_key, "PEM file with the key of --tls-cert");
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--address-file", config.address_file,
                 "File to which both addresses are written, one per line, when the server listens");
  app.add_option("--volume", config.volume, "Folder of the shared volume")->capture_default_str();
  app.add_option("--namespace", config.namespace_name,
                 "Namespace of Jobs, Applications and Clients (default: that of the kubeconfig or of this pod)");
  app.add_option("--kubeconfig", config.kubeconfig, "Kubeconfig file (default: $KUBECONFIG, else in-cluster)");
  app.add_option("--log-level", config.log_level, "debug, info, warning or error")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  app.add_option(
         "--docs", config.docs,
         "Serve the page /docs and the document /api/v1/openapi.json, which need no key: true or false. With --web "
         "the document is served anyway")
      ->default_str("true");
  app.add_option("--web", config.web,
                 "Serve the page for people at /, which shows data only to who has a key: true or false")
      ->default_str("true");
  app.add_option(
         "--forwarded-header", config.forwarded_header,
         "Field in which the proxy in front of the server names the client: none, Forwarded or X-Forwarded-For. Audit "
         "lines have it. Set it only if every request comes through a proxy that sets the field or adds to it: "
         "otherwise clients choose it")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "Forwarded", "X-Forwarded-For"}));
  add_number(app, "--io-threads", config.io_threads, 1, 64, "Threads that read from and write to connections");
  add_number(app, "--workers", config.workers, 1, 1024,
             "Threads that call the Kubernetes API; a call blocks its thread");
  add_number(app, "--volume-workers", config.volume_workers, 1, 1024,
             "Threads for short work on the volume, and as many more that write what is uploaded and read what is "
             "downloaded");
  add_number(
      app, "--bulk-workers", config.bulk_workers, 0, 1024,
      "Threads for long work on the volume: unpacking uploads, publishing files, creating archives. 0: one for each "
      "processor that the server may use, from 2 to 4");
  add_number(
      app, "--max-queued", config.limits.max_queued, 1, 1'000'000,
      "Requests that may wait for a thread of each of these pools; a further one gets 503. Of several tenants one has "
      "half of it at most; then it gets 429");
  add_number(app, "--max-connections", config.max_connections, 1, 1'000'000,
             "Open connections of clients; the limit of open files must be higher");
  add_number(
      app, "--max-connections-per-address", config.max_connections_per_address, 0, 1'000'000,
      "Open connections of one source (an IPv4 address or an IPv6 /64); a further one gets 429, or is closed before "
      "TLS. 0: no limit. Behind a proxy all clients are one source");
  add_number(
      app, "--max-connections-per-tenant", config.limits.max_connections_per_tenant, 0, 1'000'000,
      "Open connections of one tenant, whose key was in the latest request; a request on a further one gets 429. "
      "0: half of --max-connections");
  add_number(
      app, "--max-streams", config.max_streams, 0, 1'000'000,
      "Answers that are streamed at the same time; a further one gets 503, or 429 if its tenant has half of them");
  add_number(app, "--max-waits", config.limits.max_waits, 0, 1'000'000,
             "Requests that wait for a change of a job (?wait) at the same time; one tenant gets half of it at most. A "
             "further one is answered at once");
  add_number(app, "--max-idempotency-keys", config.limits.max_idempotency_keys, 1, 10'000'000,
             "Idempotency-Keys of one tenant within a day; a request with a further one gets 429");
  add_number(
      app, "--max-uploads", config.limits.max_uploads, 0, 1'000'000,
      "Resumable uploads of one tenant that no job or repository was made of yet; a further one gets 429. 0: uploads "
      "are turned off");
  add_number(app, "--max-header-bytes", config.max_header_bytes, 1024, 1 << 20, "Largest head of a request, in bytes");
  add_number(app, "--max-json-bytes", config.limits.max_json_bytes, 1024, 1 << 26,
             "Largest JSON body, and largest params or metadata field, in bytes");
  add_number(
      app, "--max-json-memory", config.limits.max_json_memory, 1 << 20, 1ULL << 40,
      "Bytes of JSON of all requests together; a further request gets 503. One tenant gets half of it at most; then it "
      "gets 429. Decoding takes up to five times this memory. Lists of ids that are kept in memory take as much again");
  add_number(app, "--max-upload-bytes", config.limits.max_upload_bytes, 1024, 1ULL << 50,
             "Largest multipart body, and largest resumable upload, in bytes");
  add_number(app, "--max-archive-entries", config.limits.max_archive_entries, 1, 1ULL << 24,
             "Largest number of entries of an archive");
  add_number(app, "--max-inflated-bytes", config.limits.max_inflated_bytes, 1024, 1ULL << 50,
             "Largest size of an unpacked archive, in bytes");
  add_number(app, "--max-inflate-ratio", config.limits.max_inflate_ratio, 0, 1'000'000,
             "Unpacked bytes for each packed byte, of a file of more than 1 MiB and of an archive. 0: no limit");
  app.add_option("--archive-code-page", config.limits.archive_code_page,
                 "Character set of names in archives that neither have the UTF-8 flag nor are UTF-8: 437 or 850")
      ->capture_default_str()
      ->check(CLI::IsMember({437, 850}));
  add_number(app, "--max-spool-bytes", config.limits.max_spool_bytes, 1U << 20, 1ULL << 60,
             "Largest size of all archives on the volume that are made to be sent, until they are sent, in bytes; one "
             "tenant has half of it");
  add_number(app, "--max-local-spool-bytes", config.limits.max_local_spool_bytes, 0, 1ULL << 50,
             "Largest size of all archives kept in $TMPDIR (/tmp) to be sent, while the volume is full or read-only, "
             "in bytes");
  add_number(
      app, "--max-auth-failures-per-minute", config.limits.max_auth_failures_per_minute, 0, 1'000'000'000,
      "Wrong API keys of one source (an IPv4 address or an IPv6 /64), beyond which it gets 429 for them; right keys "
      "pass. 0: no limit. Behind a proxy all clients are one source");
  add_number(app, "--max-requests-per-second", config.limits.max_requests_per_second, 0, 1'000'000,
             "Requests of one tenant in a second, of this server; a further one gets 429. 0: no limit");
  add_number(
      app, "--max-request-burst", config.limits.max_request_burst, 0, 1'000'000,
      "Requests of one tenant at once, after a pause, with --max-requests-per-second. 0: as many as in a second");
  base::add_duration(app, "--upload-expiry", config.limits.upload_expiry,
                     "How long a resumable upload that does not change is kept, complete or not");
  base::add_duration(app, "--header-timeout", config.header_timeout,
                     "Longest time from a request's first byte to the end of its head");
  base::add_duration(app, "--body-timeout", config.body_timeout,
                     "Longest time for each 64 KiB of a body, in either direction");
  base::add_duration(app, "--idle-timeout", config.idle_timeout, "Longest time between two requests of a connection");
  base::add_duration(app, "--volume-timeout", config.volume_timeout,
                     "How long a request waits for a volume that does not answer");
  base::add_duration(app, "--bulk-timeout", config.bulk_timeout,
                     "How long a request waits for a thread of --bulk-workers; then it gets 503");
  base::add_duration(app, "--kube-timeout", config.kube_timeout, "Longest time of one call to the Kubernetes API");
  base::add_duration(app, "--drain-delay", config.drain_delay,
                     "Time after SIGTERM in which the server is not ready but still serves");
  base::add_duration(app, "--drain-timeout", config.drain_timeout,
                     "Longest time after drain-delay in which open requests are answered");
  app.add_option("--webhook-allow", config.limits.webhook_allow,
                 "Hosts that callback_url may name, such as hooks.example.com, *.corp.example, hooks.example.com:8443, "
                 "http://hooks.corp.example, hooks.corp.example=10.1.2.0/24 or 10.1.2.0/24; the same as of the "
                 "controller. None: it is refused")
      ->delimiter(',')
      ->check(&fault_of_host);
  base::add_environment_and_config(app);
  const base::OptionsOutcome outcome = base::read_options(app, argc, argv);
  std::uint64_t& of_tenant = config.limits.max_connections_per_tenant;
  if (of_tenant == 0) of_tenant = (config.max_connections + 1) / 2;
  // With several tenants one has half of them: so one that packs all the time leaves a processor to the others.
  if (config.bulk_workers == 0) config.bulk_workers = std::clamp<std::size_t>(base::usable_processors(), 2, 4);
  return outcome;
}

void log_config(const Config& config) {
  base::log_info("configuration", {{"version", VBRAIN_VERSION},
                                   {"listen", config.listen},
                                   {"metrics_listen", config.metrics_listen},
                                   {"tls_cert", config.tls_cert},
                                   {"tls_key", config.tls_key},
                                   {"volume", config.volume},
                                   {"namespace", config.namespace_name},
                                   {"kubeconfig", config.kubeconfig},
                                   {"docs", config.docs},
                                   {"web", config.web},
                                   {"forwarded_header", config.forwarded_header},
                                   {"io_threads", config.io_threads},
                                   {"workers", config.workers},
                                   {"volume_workers", config.volume_workers},
                                   {"bulk_workers", config.bulk_workers},
                                   {"max_queued", config.limits.max_queued},
                                   {"max_connections", config.max_connections},
                                   {"max_connections_per_address", config.max_connections_per_address},
                                   {"max_connections_per_tenant", config.limits.max_connections_per_tenant},
                                   {"max_streams", config.max_streams},
                                   {"max_waits", config.limits.max_waits},
                                   {"max_idempotency_keys", config.limits.max_idempotency_keys},
                                   {"max_uploads", config.limits.max_uploads},
                                   {"max_header_bytes", config.max_header_bytes},
                                   {"max_json_bytes", config.limits.max_json_bytes},
                                   {"max_json_memory", config.limits.max_json_memory},
                                   {"max_upload_bytes", config.limits.max_upload_bytes},
                                   {"max_archive_entries", config.limits.max_archive_entries},
                                   {"max_inflated_bytes", config.limits.max_inflated_bytes},
                                   {"max_inflate_ratio", config.limits.max_inflate_ratio},
                                   {"archive_code_page", config.limits.archive_code_page},
                                   {"max_spool_bytes", config.limits.max_spool_bytes},
                                   {"max_local_spool_bytes", config.limits.max_local_spool_bytes},
                                   {"max_auth_failures_per_minute", config.limits.max_auth_failures_per_minute},
                                   {"max_requests_per_second", config.limits.max_requests_per_second},
                                   {"max_request_burst", config.limits.max_request_burst},
                                   {"upload_expiry_ms", config.limits.upload_expiry.count()},
                                   {"webhook_allow", joined(config.limits.webhook_allow)},
                                   {"header_timeout_ms", config.header_timeout.count()},
                                   {"body_timeout_ms", config.body_timeout.count()},
                                   {"idle_timeout_ms", config.idle_timeout.count()},
                                   {"volume_timeout_ms", config.volume_timeout.count()},
                                   {"bulk_timeout_ms", config.bulk_timeout.count()},
                                   {"kube_timeout_ms", config.kube_timeout.count()},
                                   {"drain_delay_ms", config.drain_delay.count()},
                                   {"drain_timeout_ms", config.drain_timeout.count()}});
}

}  // namespace vbrain::api
