#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "controller/reconcile/current_queue.hpp"
#include "controller/webhooks/deliverer.hpp"
#include "controller/webhooks/settings.hpp"
#include "http/client/allow_list.hpp"
#include "http/client/post.hpp"
#include "kube/runtime/reconcile_loop.hpp"

namespace vbrain::controller {

// The webhooks of this process: what it sends with, and the queue of a term. Thread-safe.
class Webhooks {
 public:
  struct Parts {
    kube::ApiClient& client;
    kube::EventRecorder& events;
    const kube::Cache<job::Job>& jobs;  // with the index kJobsByCallback
    const kube::Cache<job::Client>& clients;
    base::Metrics& metrics;
    const base::Clock& clock;
    std::function<bool(const std::string& job)> is_recorded;
    std::function<bool()> may_write;
  };

  // The settings were checked. Throws std::runtime_error, with cause and remedy, if the file of authorities can't be
  // used.
  Webhooks(Parts parts, const WebhookSettings& settings);

  // The informer calls it after its cache has the change.
  void on_job_change(const kube::Change<job::Job>& change);

  // While this object exists, receivers are told. The caches must be complete. Its end waits for the tries under way,
  // which end soon after `leading` is over.
  class Term {
   public:
    Term(Webhooks& webhooks, std::stop_token leading);
    ~Term();
    Term(const Term&) = delete;
    Term& operator=(const Term&) = delete;

   private:
    Deliverer deliverer_;
    kube::ReconcileLoop loop_;
    const CurrentQueue::Term queue_;
    std::jthread thread_;
    const std::stop_callback<std::function<void()>> end_;
  };

 private:
  Deliverer::Parts parts_of_deliverer();

  const Parts parts_;
  const http::AllowList allowed_;
  const std::string secrets_;
  http::Authorities authorities_;
  CurrentQueue queue_;
};

}  // namespace vbrain::controller
