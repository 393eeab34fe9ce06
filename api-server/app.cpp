#include "api-server/app.hpp"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>

#include "api-server/answers/made_archives.hpp"
#include "api-server/answers/sealed_texts.hpp"
#include "api-server/answers/shared_reads.hpp"
#include "api-server/answers/tenant_budget.hpp"
#include "api-server/api.hpp"
#include "api-server/api_keys/key_watch.hpp"
#include "api-server/health.hpp"
#include "api-server/jobs/space.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "api-server/keys/key_counts.hpp"
#include "api-server/limits/queue_expiry.hpp"
#include "api-server/live/job_feed.hpp"
#include "api-server/live/stream_places.hpp"
#include "api-server/open_files.hpp"
#include "api-server/transfer/spool.hpp"
#include "api-server/uploads/upload_metrics.hpp"
#include "api-server/waits/job_waits.hpp"
#include "api-server/waits/run_times.hpp"
#include "artifacts/store/store.hpp"
#include "base/log/log.hpp"
#include "base/log/log_writer.hpp"
#include "base/metrics.hpp"
#include "base/threads/stop.hpp"
#include "base/threads/worker_pool.hpp"
#include "http/health.hpp"
#include "http/server.hpp"
#include "http/tls/certificate_keeper.hpp"
#include "kube/api/api_client.hpp"
#include "kube/api/config.hpp"
#include "kube/cache/informer.hpp"
#include "kube/transport/measured_transport.hpp"
#include "kube/transport/rest_transport.hpp"

namespace vbrain::api {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

constexpr seconds kProbePeriod{5};
constexpr seconds kProbePatience{20};
// How often the files of the TLS certificate are compared with what is in use.
constexpr seconds kCertificatePeriod{5};
// How often the number of refusals is told that have no audit line.
constexpr std::chrono::minutes kAuditPeriod{1};
// An I/O thread that has not reacted for this time hangs: they never block.
constexpr seconds kIoPatience{30};
constexpr seconds kLastLogLines{2};
// How often tasks that have waited too long for a thread are looked for.
constexpr seconds kExpiryPeriod{1};
// Answers that need little of a processor go first. Unpacking and packing take all of one, and the digest of what is
// uploaded takes much (docs/decisions/0041-limits-per-tenant.md).
constexpr base::Scheduling kAnswering{.turn = microseconds(100)};
constexpr base::Scheduling kTransfer{.nice = 5, .turn = microseconds(200)};
constexpr base::Scheduling kBulk{.nice = 10, .turn = microseconds(200), .gives_way = true};
// Of cached jobs, and of cached repositories.
constexpr std::size_t kViewBytes = 8U << 20;

template <class T>
T value_or_throw(Result<T, std::string> result, const char* what) {
  if (!result) throw std::runtime_error(std::string(what) + ": " + result.error());
  return std::move(*result);
}

// The caches of objects of the Kubernetes API, each updated by its own watch. An Application or Client that cannot be
// decoded any more counts as deleted, because the edit that broke it may also have revoked a key.
struct Caches {
  Caches(kube::Transport& transport, const std::string& ns, base::Metrics& metrics)
      : jobs(transport, ns, "", metrics),
        applications(transport, ns, "", metrics, {.forget_undecodable = true}),
        clients(transport, ns, "", metrics, {.forget_undecodable = true}) {
    applications.add_index(kApplicationIndex,
                           [](const job::Application& it) { return std::vector<std::string>{it.application_id}; });
    clients.add_index(kKeyIndex, job::key_ids);
    clients.add_index(kTenantIndex, tenant_keys);
    jobs.add_index(kKubectlJobsIndex, kubectl_jobs_keys);
    jobs.add_index(kDeletedJobsIndex, deleted_jobs_keys);
  }

  void start() {
    jobs.start();
    applications.start();
    clients.start();
  }
  void stop() {
    jobs.stop();
    applications.stop();
    clients.stop();
  }
  bool synced() const { return jobs.synced() && applications.synced() && clients.synced(); }

  kube::Informer<job::Job> jobs;
  kube::Informer<job::Application> applications;
  kube::Informer<job::Client> clients;
};

// Probes the volume again and again, on a pool of its own: a busy volume pool is not a volume that hangs.
void probe_volume(const artifacts::Store& volume, base::WorkerPool& pool, VolumeHealth& health, VolumeSpace& space,
                  MadeArchives& archives, std::stop_token stop) {
  const auto waiting = std::make_shared<std::atomic<bool>>(false);
  do {
    if (waiting->exchange(true)) continue;
    const bool posted = pool.try_post([&volume, &health, &space, &archives, waiting] {
      try {
        archives.expire();
        volume.probe();
        health.report_good();
        space.measure();
      } catch (const std::exception& problem) {
        base::log_warning("the volume cannot be used; look at the file server and at the mount on this node",
                          {{"error", problem.what()}});
      }
      *waiting = false;
    });
    if (!posted) *waiting = false;
  } while (base::sleep_for(stop, kProbePeriod));
}

// The file is renamed when it is complete, so that a reader finds both addresses or no file.
void write_addresses(const std::string& path, const std::string& listen, const std::string& metrics_listen) {
  const std::string temporary = path + ".new";
  {
    std::ofstream file(temporary);
    file << listen << "\n" << metrics_listen << "\n";
    file.flush();
    if (!file) throw std::runtime_error("cannot write " + temporary);
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) throw std::runtime_error("cannot write " + path);
}

http::HttpOptions http_options(const Config& config) {
  http::HttpOptions options;
  options.max_header_bytes = config.max_header_bytes;
  options.max_connections = config.max_connections;
  options.max_connections_per_address = config.max_connections_per_address;
  options.max_streams = config.max_streams;
  options.header_timeout = config.header_timeout;
  options.body_timeout = config.body_timeout;
  options.idle_timeout = config.idle_timeout;
  options.stuck_timeout = config.volume_timeout;
  return options;
}

}  // namespace

int run(const Config& given, std::stop_token stop) {
  Config config = given;
  const std::uint64_t descriptors = raise_descriptor_limit();
  if (const std::string why = check_descriptors(descriptors, config); !why.empty()) throw std::runtime_error(why);
  kube::Config cluster = value_or_throw(kube::load_config(config.kubeconfig), "Kubernetes configuration");
  cluster.user_agent = "vbrain-api-server/" VBRAIN_VERSION;
  if (config.namespace_name.empty()) config.namespace_name = cluster.namespace_name;
  log_config(config);

  // Each object may use those above it, and is destroyed before them.
  const base::SystemClock clock;
  base::Metrics metrics;
  const artifacts::Store volume(config.volume);
  const auto transport =
      value_or_throw(kube::make_rest_transport(cluster, {.call_timeout = config.kube_timeout}), "Kubernetes client");
  kube::MeasuredTransport measured(*transport, metrics, clock);
  kube::ApiClient client(measured);
  metrics.gauge("vbrain_build_info", "The version of the program; always 1.", {{"version", VBRAIN_VERSION}}).Set(1);
  JobWaits waits(config.limits.max_waits, metrics);  // the thread of a watch uses it
  RunTimes run_times;                                // the same
  JobFeed feed;                                      // the same
  StreamPlaces streams(config.max_streams, metrics);
  Caches caches(*transport, config.namespace_name, metrics);
  caches.jobs.add_handler([&](const kube::Change<job::Job>& change) {
    waits.note(change);
    run_times.note(change);
    feed.note(change);
  });
  caches.jobs.add_list_handler([&feed] { feed.list_began(); },
                               [&feed](const std::string& version) { feed.list_ended(version); });
  // The budget has room for at least one request with both of its fields.
  const std::uint64_t json_memory = std::max(config.limits.max_json_memory, 4 * config.limits.max_json_bytes);
  TenantBudget json_budget(json_memory, tenant_json_memory(json_memory, config.limits.max_json_bytes));
  // Lists of ids have as much memory again.
  VolumeView view(volume, caches.jobs.store(), clock, json_budget, kViewBytes, json_memory);
  KeyWatch key_watch(*transport, client, config.namespace_name, metrics, clock);
  // The threads of the watches end before what is above, also after an exception.
  const struct StopCaches {
    Caches& caches;
    ~StopCaches() { caches.stop(); }
  } stop_caches{caches};
  SharedReads reads;  // its tasks run on the pools below, which end before it
  VolumeHealth volume_health(clock, kProbePatience);
  VolumeSpace volume_space(config.volume, metrics);
  MadeArchives made_archives(clock);
  base::WorkerPool workers("worker", config.workers, config.limits.max_queued, config.kube_timeout, kAnswering);
  base::WorkerPool probe_worker("probe", 1, 1);
  base::WorkerPool volume_workers("volume", config.volume_workers, config.limits.max_queued, config.volume_timeout,
                                  kAnswering);
  base::WorkerPool transfer_workers("transfer", config.volume_workers, config.limits.max_queued, config.volume_timeout,
                                    kTransfer);
  base::WorkerPool bulk_workers("bulk", config.bulk_workers, config.limits.max_queued, config.bulk_timeout, kBulk);
  base::WorkerPool list_workers("list", kListWorkers, config.limits.max_queued, config.volume_timeout);
  const QueueExpiry expiry({&workers, &volume_workers, &transfer_workers, &bulk_workers, &list_workers}, kExpiryPeriod);
  SpaceLedger space_ledger;
  KeyCounts key_counts(config.limits.max_idempotency_keys);
  UploadMetrics upload_metrics(metrics);
  SpoolSpace spool_space(config.limits.max_spool_bytes, config.limits.max_local_spool_bytes);
  SealedTexts sealed_texts(volume, caches.jobs.store(), clock);
  std::stop_source calls;
  const Services services{
      config.limits,
      clock,
      config.namespace_name,
      workers,
      volume_workers,
      transfer_workers,
      bulk_workers,
      list_workers,
      json_budget,
      spool_space,
      sealed_texts,
      made_archives,
      volume,
      view,
      reads,
      waits,
      run_times,
      feed,
      streams,
      key_counts,
      upload_metrics,
      client,
      caches.jobs.store(),
      caches.applications.store(),
      caches.clients.store(),
      key_watch.store(),
      key_watch.uses(),
      space_ledger,
      calls.get_token(),
      [&] { return why_keys_are_unknown(caches.synced(), clock.steady() - caches.clients.last_contact()); },
      [&key_watch] { return key_watch.state(); }};
  std::atomic<bool> draining{false};
  const auto readiness = [&]() -> std::string {
    if (draining) return "draining";
    const bool synced = caches.synced() && key_watch.state() != KeysState::kStarting;
    if (!synced) return "the caches of the Kubernetes API are not filled yet";
    if (!volume_health.good()) return "the volume does not answer";
    return "";
  };
  Api api(services, metrics, ServedFiles{.docs = config.docs, .web = config.web},
          config.forwarded_header == "none" ? std::string() : config.forwarded_header);

  std::optional<http::CertificateKeeper> certificates;
  if (!config.tls_cert.empty()) certificates.emplace(http::TlsFiles{config.tls_cert, config.tls_key}, clock, metrics);
  http::IoThreads io(config.io_threads);
  http::HttpOptions options = http_options(config);
  options.certificates = certificates ? &*certificates : nullptr;
  options.is_stuck = [&volume_health] { return !volume_health.good(); };
  const auto why_not_alive = [&]() -> std::string {
    if (io.unresponsive_for() < kIoPatience) return "";
    return "a thread that serves connections hangs: restart the server";
  };
  http::HealthListener health(
      config.metrics_listen,
      {.not_ready = readiness, .not_alive = why_not_alive, .metrics = [&metrics] { return metrics.render(); }},
      metrics);
  http::HttpServer rest(
      "rest", config.listen, options, [&](http::Exchange& exchange) { return api.handle(exchange); },
      [&](const http::RefusedRequest& refused) { return api.refuse_request(refused); }, io, &transfer_workers, metrics);
  caches.start();
  key_watch.start();
  std::jthread prober([&](std::stop_token ended) {
    probe_volume(volume, probe_worker, volume_health, volume_space, made_archives, ended);
  });
  std::jthread certificate_reader([&](std::stop_token ended) {
    while (certificates && base::sleep_for(ended, kCertificatePeriod)) certificates->look();
  });
  std::jthread audit_reporter([&](std::stop_token ended) {
    while (base::sleep_for(ended, kAuditPeriod)) api.report_left_out();
  });
  base::log_info("listening", {{"open_files", descriptors},
                               {"rest", rest.address()},
                               {"tls", certificates.has_value()},
                               {"metrics", health.address()}});
  if (!config.address_file.empty()) write_addresses(config.address_file, rest.address(), health.address());

  while (base::sleep_for(stop, std::chrono::hours(1))) continue;

  draining = true;
  base::log_info("draining", {{"connections", rest.connections()}});
  // Load balancers need a moment to see that this server is not ready. Until then it serves.
  std::this_thread::sleep_for(config.drain_delay);
  const bool whole = rest.drain(config.drain_timeout);
  key_watch.stop();
  calls.request_stop();
  prober.request_stop();
  prober.join();
  certificate_reader.request_stop();
  certificate_reader.join();
  audit_reporter.request_stop();
  audit_reporter.join();
  api.report_left_out();
  caches.stop();
  if (!whole) base::log_warning("requests were cut off; they took longer than drain-timeout");
  if (!rest.idle()) {
    // A handler hangs in a call to the volume and cannot be ended. What was acknowledged is durable.
    base::log_error("the program ends although requests wait for the volume, which does not answer");
    base::flush_log(kLastLogLines);
    std::_Exit(1);
  }
  workers.close();
  bulk_workers.close();
  list_workers.close();
  transfer_workers.close();
  volume_workers.close();
  probe_worker.close();
  base::log_info("stopped");
  return 0;
}

}  // namespace vbrain::api
