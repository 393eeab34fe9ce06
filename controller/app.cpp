#include "controller/app.hpp"

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

#include "artifacts/store/store.hpp"
#include "base/log/log.hpp"
#include "base/metrics.hpp"
#include "controller/background/trash_remover.hpp"
#include "controller/leadership/leader_watch.hpp"
#include "controller/reconcile/admission.hpp"
#include "controller/reconcile/current_queue.hpp"
#include "controller/reconcile/executor.hpp"
#include "controller/reconcile/job_metrics.hpp"
#include "controller/reconcile/job_reconciler.hpp"
#include "controller/registry/registry.hpp"
#include "controller/runner_install.hpp"
#include "controller/space/offboarding.hpp"
#include "controller/space/space_keeper.hpp"
#include "controller/sweep/sweeper.hpp"
#include "controller/uninstall/uninstall_watch.hpp"
#include "controller/volume/measured_volume.hpp"
#include "controller/volume/volume.hpp"
#include "controller/webhooks/webhooks.hpp"
#include "http/health.hpp"
#include "job/packed_job.hpp"
#include "kube/api/api_client.hpp"
#include "kube/api/config.hpp"
#include "kube/api/events.hpp"
#include "kube/cache/informer.hpp"
#include "kube/runtime/leader_elector.hpp"
#include "kube/runtime/reconcile_loop.hpp"
#include "kube/transport/measured_transport.hpp"
#include "kube/transport/rest_transport.hpp"

namespace vbrain::controller {
namespace {

// Time to write the leader's queued events when its term ends.
constexpr std::chrono::milliseconds kLastEvents{1'000};
// Few threads, because the volume is shared with all others.
constexpr std::size_t kArchiveThreads = 4;
constexpr std::size_t kRegistryWorkers = 2;
// Clients are rarely deleted.
constexpr std::size_t kOffboardingWorkers = 2;

kube::Config load_kube_config(const Config& config) {
  auto loaded = kube::load_config(config.kubeconfig);
  if (!loaded) throw std::runtime_error(loaded.error());
  loaded->user_agent = "vbrain-controller/" VBRAIN_VERSION;
  return *std::move(loaded);
}

std::unique_ptr<kube::Transport> connect(const kube::Config& config) {
  auto transport = kube::make_rest_transport(config);
  if (!transport) throw std::runtime_error(transport.error());
  return *std::move(transport);
}

// Written atomically, so that a reader never sees half an address.
void write_address_file(const std::string& path, const std::string& address) {
  const std::string temporary = path + ".tmp";
  if (std::ofstream file(temporary); !(file << address << '\n').flush()) {
    throw std::runtime_error("can't write " + temporary);
  }
  std::filesystem::rename(temporary, path);
}

class App {
 public:
  App(const Config& config, std::stop_token stop)
      : config_(config),
        stop_(stop),
        kube_(load_kube_config(config)),
        namespace_(config.namespace_name.empty() ? kube_.namespace_name : config.namespace_name),
        transport_(connect(kube_)),
        measured_(*transport_, metrics_, clock_),
        client_(measured_),
        listener_(config.metrics_listen,
                  {.not_ready = [this] { return why_not_ready(); },
                   .not_alive = [this] { return why_not_alive(); },
                   .metrics = [this] { return render_metrics(); }},
                  metrics_) {
    metrics_.gauge("vbrain_build_info", "The version of the program; always 1.", {{"version", VBRAIN_VERSION}}).Set(1);
  }

  int run() {
    if (!config_.address_file.empty()) write_address_file(config_.address_file, listener_.address());
    base::log_info("controller starts", {{"version", VBRAIN_VERSION},
                                         {"namespace", namespace_},
                                         {"server", kube_.server},
                                         {"identity", config_.identity},
                                         {"metrics", listener_.address()}});
    const artifacts::Store store(config_.volume);
    const std::string runner_path = install_runner(store, config_.runner_source);
    TrashRemover trash(
        [&](const artifacts::Tenant& tenant, const std::string& name, std::stop_token stop) {
          // Without a name the folder of the tenant itself, if nothing is left in it.
          name.empty() ? store.remove_empty_tenant(tenant) : store.purge(tenant, name, std::move(stop));
        },
        metrics_);
    const auto discard = [&](const artifacts::Tenant& tenant, const std::string& name) { trash.add(tenant, name); };
    StoreVolume stored(store, runner_path, discard);

    MeasuredVolume volume(stored, metrics_, clock_);
    kube::EventRecorder events(client_, {.instance = config_.identity}, metrics_, clock_);
    kube::LeaderElector elector(measured_, lease_config(), clock_, metrics_);
    const auto may_write = [&] { return !config_.leader_elect || elector.leading(); };
    Executor executor({.client = client_,
                       .volume = volume,
                       .events = events,
                       .metrics = metrics_,
                       .clock = clock_,
                       .pod = pod_settings(),
                       .may_write = may_write,
                       .archive_threads = kArchiveThreads,
                       .wake = [this](const std::string& job) { queue_.add(job); }});
    kube::Informer<job::Job> jobs(measured_, namespace_, "", metrics_);
    kube::Informer<job::Application> applications(measured_, namespace_, "", metrics_);
    kube::Informer<job::Client> clients(measured_, namespace_, "", metrics_);
    kube::Informer<kube::Pod> pods(measured_, namespace_, std::string(kPodSelector), metrics_);
    Admission admission(
        {jobs.store(), applications.store(), clients.store()}, [this](const std::string& job) { queue_.add(job); },
        metrics_);
    JobReconciler reconciler({jobs.store(), applications.store(), pods.store()}, admission, executor, clock_,
                             {.node_loss_timeout = config_.node_loss_timeout,
                              .retry_backoff = config_.retry_backoff,
                              .pod_retention_success = config_.pod_retention_success,
                              .pod_retention_failure = config_.pod_retention_failure});
    Registry registry({.client = client_,
                       .events = events,
                       .applications = applications.store(),
                       .clients = clients.store(),
                       .clock = clock_,
                       .pod = pod_settings(),
                       .may_write = may_write});
    Sweeper sweeper({.store = store,
                     .client = client_,
                     .jobs = jobs.store(),
                     .metrics = metrics_,
                     .clock = clock_,
                     .namespace_name = namespace_,
                     .may_write = may_write},
                    {.scan_interval = config_.scan_interval, .sweep_age = config_.sweep_age});
    SpaceKeeper space_keeper({.store = store,
                              .client = client_,
                              .applications = applications.store(),
                              .clients = clients.store(),
                              .metrics = metrics_,
                              .clock = clock_,
                              .namespace_name = namespace_,
                              .discard = discard,
                              .may_write = may_write},
                             config_.space_interval);
    Offboarding offboarding({.store = store,
                             .client = client_,
                             .events = events,
                             .clients = clients.store(),
                             .clock = clock_,
                             .namespace_name = namespace_,
                             .discard = discard,
                             .may_write = may_write});
    Webhooks webhooks({.client = client_,
                       .events = events,
                       .jobs = jobs.store(),
                       .clients = clients.store(),
                       .metrics = metrics_,
                       .clock = clock_,
                       .is_recorded = [&](const std::string& job) { return reconciler.is_archived(job); },
                       .may_write = may_write},
                      config_.webhooks);
    UninstallWatch uninstall(client_, namespace_);
    LeaderWatch watch([&] { store.probe(); }, clock_, config_.stall_timeout);
    connect_admission(jobs, applications, clients, admission);
    connect_handlers(jobs, applications, pods, reconciler);
    connect_registry(applications, clients, registry);
    jobs.add_index(kJobsByCallback, callback_index);
    jobs.add_handler([&](const kube::Change<job::Job>& change) { webhooks.on_job_change(change); });
    clients.add_handler([&](const kube::Change<job::Client>& change) {
      if (!change.now) return;
      client_queue_.add(change.now->meta.name);
      if (change.now->meta.deletion_timestamp) uninstall.note_marked();
    });
    jobs.add_handler([&](const kube::Change<job::Job>& change) {
      if (change.now && change.now->meta.deletion_timestamp) uninstall.note_marked();
    });
    const Running watching([&] { jobs.start(), applications.start(), clients.start(), pods.start(); },
                           [&] { jobs.stop(), applications.stop(), clients.stop(), pods.stop(); });

    const auto urgency = [&](const std::string& name) { return reconciler.urgency(name); };
    const auto lead = [&](std::stop_token leading) {
      kube::ReconcileLoop controller(
          {.name = "job", .workers = config_.workers, .urgency_of = urgency},
          [&](const std::string& key, std::stop_token token) { return reconciler.reconcile(key, token); }, metrics_,
          clock_);
      const LeaderWatch::Term watched(watch, controller, leading);
      // The caches of a standby may be old: another leader has written, and a watch may lag or be dead. So the first
      // decision of a term waits for new lists from the API server.
      const std::uint64_t tickets[] = {jobs.request_list(), applications.request_list(), clients.request_list(),
                                       pods.request_list()};
      if (!jobs.wait_listed(tickets[0], leading) || !applications.wait_listed(tickets[1], leading) ||
          !clients.wait_listed(tickets[2], leading) || !pods.wait_listed(tickets[3], leading)) {
        return;
      }
      const CurrentQueue::Term term(queue_, controller.queue());
      const Admission::Term counting(admission);
      for (const std::string& name : jobs.store().names()) controller.queue().add(name);
      kube::ReconcileLoop checks(
          {.name = "registry", .workers = kRegistryWorkers},
          [&](const std::string& key, std::stop_token token) { return registry.reconcile(key, token); }, metrics_,
          clock_);
      const CurrentQueue::Term checking(registry_queue_, checks.queue());
      for (const std::string& key : registry.keys()) checks.queue().add(key);
      std::jthread checker([&](std::stop_token token) { checks.run(token); });
      const std::stop_callback end_of_checks(leading, [&] { checker.request_stop(); });
      kube::ReconcileLoop clients_loop(
          {.name = "client", .workers = kOffboardingWorkers},
          [&](const std::string& key, std::stop_token token) { return offboarding.reconcile(key, token); }, metrics_,
          clock_);
      const CurrentQueue::Term offboarding_term(client_queue_, clients_loop.queue());
      for (const std::string& name : clients.store().names()) clients_loop.queue().add(name);
      std::jthread leaving([&](std::stop_token token) { clients_loop.run(token); });
      const std::stop_callback end_of_leaving(leading, [&] { leaving.request_stop(); });
      std::jthread keeping_space([&](std::stop_token token) { space_keeper.run(token); });
      const std::stop_callback end_of_keeping(leading, [&] { keeping_space.request_stop(); });
      const Webhooks::Term telling(webhooks, leading);
      // The sweeper's results arrive as changes of Jobs; no worker waits for it.
      std::jthread sweeping([&](std::stop_token token) { sweeper.run(token); });
      const std::stop_callback end_of_term(leading, [&] { sweeping.request_stop(); });
      controller.run(leading);
      checker.join();
      // A controller that lost the Lease writes no more events. One that ends in order has a moment to write them.
      events.flush_or_drop(may_write() ? kLastEvents : std::chrono::milliseconds(0));
    };
    const auto not_ready = [&]() -> std::string {
      const bool synced = jobs.synced() && applications.synced() && clients.synced() && pods.synced();
      return synced ? watch.why_not_lead() : "waiting for the first list of Jobs, Applications, Clients and pods";
    };
    const HealthWhile health(
        *this, {.not_ready = not_ready,
                .not_alive = [&] { return watch.why_restart(); },
                .before_scrape = [&] { count_jobs(may_write() ? &jobs.store() : nullptr, clock_.now(), metrics_); }});
    // This runs also while another controller leads, because the deletion of a namespace may delete the Lease before
    // the Jobs.
    std::jthread uninstalling([&](std::stop_token token) { uninstall.run(token); });
    if (config_.leader_elect) {
      // A lost Lease does not end the program: the caches are warm for the next term.
      while (watch.wait_until_fit(stop_)) elector.run(stop_, lead, [&] { return why_resign(watch); });
    } else {
      lead(stop_);
    }
    uninstalling.request_stop();
    uninstalling.join();
    uninstall.end_of_program();
    base::log_info("controller ends");
    return 0;
  }

 private:
  kube::LeaseConfig lease_config() const {
    return {.namespace_name = namespace_,
            .name = config_.lease_name,
            .identity = config_.identity,
            .lease_duration = config_.lease_duration,
            .renew_deadline = config_.renew_deadline,
            .retry_period = config_.retry_period};
  }

  PodSettings pod_settings() const {
    return {.limits = {.volume_claim = config_.volume_claim, .allowed_secrets = config_.template_secrets},
            .volume_gid = config_.volume_gid,
            .work_size_limit = config_.work_size_limit};
  }

  void connect_handlers(kube::Informer<job::Job>& jobs, kube::Informer<job::Application>& applications,
                        kube::Informer<kube::Pod>& pods, JobReconciler& reconciler) {
    jobs.set_packing(job::packing_of_ended_jobs());
    jobs.add_index(kJobsByApplication, [](const job::Job& job) { return std::vector{job.spec.application_id}; });
    applications.add_index(kApplicationsById,
                           [](const job::Application& application) { return std::vector{application.application_id}; });
    pods.add_index(kPodsByJob, [](const kube::Pod& pod) { return std::vector{controlling_job(pod)}; });

    jobs.add_handler([this, &reconciler](const kube::Change<job::Job>& change) {
      reconciler.on_job_change(change);
      queue_.add((change.now ? change.now : change.old)->meta.name);
    });
    pods.add_handler([this, &reconciler](const kube::Change<kube::Pod>& change) {
      reconciler.on_pod_change(change);
      if (!is_news(change)) return;
      for (const auto& pod : {change.old, change.now}) {
        if (!pod) continue;
        if (const std::string job = controlling_job(*pod); !job.empty()) queue_.add(job);
      }
    });
    applications.add_handler([this, &jobs](const kube::Change<job::Application>& change) {
      // Admission knows which jobs may start after a change of a limit.
      if (change.old && change.now && equal_except_limit(*change.old, *change.now)) return;
      for (const auto& application : {change.old, change.now}) {
        if (!application) continue;
        const bool new_ttl = !change.old || !change.now ||
                             change.old->ttl_seconds_after_finished != change.now->ttl_seconds_after_finished;
        for (const auto& name : jobs.store().names_by_index(kJobsByApplication, application->application_id)) {
          if (new_ttl || jobs.store().get_unpacked(name) != nullptr) queue_.add(name);
        }
      }
    });
  }

  // What one of them says may concern all others: an id or a key that is claimed twice, an Application that came. They
  // change rarely, and their status, which the registry itself writes, concerns nobody.
  void connect_registry(kube::Informer<job::Application>& applications, kube::Informer<job::Client>& clients,
                        const Registry& registry) {
    clients.add_index(kClientsByKey, job::key_ids);
    applications.add_handler([this, &registry](const kube::Change<job::Application>& change) {
      if (!is_new_spec(change)) return;
      for (const auto& application : {change.old, change.now}) {
        if (application) check(registry.keys_of_id(application->application_id));
      }
      check(registry.keys_of_clients());
    });
    clients.add_handler([this, &registry](const kube::Change<job::Client>& change) {
      const bool both = change.old && change.now;
      if (is_new_spec(change)) check(registry.keys_of_clients());
      // An annotation is no part of the generation.
      else if (both && change.old->purge_confirmed != change.now->purge_confirmed)
        check({registry_key(*change.now)});
    });
  }

  template <class T>
  static bool is_new_spec(const kube::Change<T>& change) {
    return !change.old || !change.now || change.old->meta.uid != change.now->meta.uid ||
           change.old->meta.generation != change.now->meta.generation ||
           change.old->meta.deletion_timestamp != change.now->meta.deletion_timestamp;
  }

  void check(const std::vector<std::string>& keys) {
    for (const std::string& key : keys) registry_queue_.add(key);
  }

  static std::optional<std::string> why_resign(LeaderWatch& watch) {
    const auto stall = watch.why_give_up();
    if (!stall) return std::nullopt;
    return stall->cause + "; another controller takes over. Remedy: " + stall->remedy;
  }

  // Before the other handlers, so that a job in the queue already has its position in the order.
  static void connect_admission(kube::Informer<job::Job>& jobs, kube::Informer<job::Application>& applications,
                                kube::Informer<job::Client>& clients, Admission& admission) {
    clients.add_index(kClientsByTenant, [](const job::Client& client) { return std::vector{tenant_key(client)}; });
    jobs.add_handler([&](const kube::Change<job::Job>& change) { admission.on_job_change(change); });
    applications.add_handler(
        [&](const kube::Change<job::Application>& change) { admission.on_application_change(change); });
    clients.add_handler([&](const kube::Change<job::Client>& change) { admission.on_client_change(change); });
  }

  // Stops the informers on every return, before the objects that their threads use are destroyed.
  class Running {
   public:
    Running(const std::function<void()>& start, std::function<void()> stop) : stop_(std::move(stop)) { start(); }
    ~Running() { stop_(); }

   private:
    const std::function<void()> stop_;
  };

  // The health listener asks these while run() has the objects that answer.
  struct Health {
    std::function<std::string()> not_ready;
    std::function<std::string()> not_alive;
    std::function<void()> before_scrape;
  };
  class HealthWhile {
   public:
    HealthWhile(App& app, Health health) : app_(app) { set(std::move(health)); }
    ~HealthWhile() { set({}); }

   private:
    void set(Health health) {
      const std::lock_guard lock(app_.health_mutex_);
      app_.health_ = std::move(health);
    }
    App& app_;
  };

  std::string render_metrics() {
    {
      const std::lock_guard lock(health_mutex_);
      if (health_.before_scrape) health_.before_scrape();
    }
    return metrics_.render();
  }

  std::string why_not_ready() {
    if (stop_.stop_requested()) return "stopping";
    const std::lock_guard lock(health_mutex_);
    return health_.not_ready ? health_.not_ready() : "starting";
  }

  std::string why_not_alive() {
    const std::lock_guard lock(health_mutex_);
    return health_.not_alive ? health_.not_alive() : std::string();
  }

  const Config& config_;
  const std::stop_token stop_;
  const kube::Config kube_;
  const std::string namespace_;
  base::SystemClock clock_;
  base::Metrics metrics_;
  std::unique_ptr<kube::Transport> transport_;
  kube::MeasuredTransport measured_;
  kube::ApiClient client_;
  CurrentQueue queue_;
  CurrentQueue registry_queue_;
  CurrentQueue client_queue_;
  std::mutex health_mutex_;
  Health health_;
  // Last: its thread uses all objects above.
  http::HealthListener listener_;
};

}  // namespace

int run(const Config& config, std::stop_token stop) {
  return App(config, stop).run();
}

}  // namespace vbrain::controller
