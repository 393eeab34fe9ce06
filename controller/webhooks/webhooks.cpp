#include "controller/webhooks/webhooks.hpp"

#include <stdexcept>
#include <utility>

#include "base/files/text_file.hpp"

namespace vbrain::controller {

std::string check(const WebhookSettings& settings) {
  const auto list = http::AllowList::parse(settings.allow, settings.deny);
  return list ? "" : "--webhook-allow, --webhook-deny: " + list.error();
}

Webhooks::Webhooks(Parts parts, const WebhookSettings& settings)
    : parts_(std::move(parts)),
      allowed_(http::AllowList::parse(settings.allow, settings.deny).value()),
      secrets_(settings.secrets),
      authorities_(settings.ca_file) {
  if (settings.ca_file.empty()) return;
  if (const auto context = authorities_.context(); !context) {
    throw std::runtime_error("webhooks cannot be sent: --webhook-ca-file: " + context.error() +
                             "; put the certificates of the receivers' authorities, as PEM, into the file (the chart "
                             "values webhooks.caFile and controller.extraVolumes), or leave the setting empty");
  }
}

void Webhooks::on_job_change(const kube::Change<job::Job>& change) {
  const job::Job& job = change.now ? *change.now : *change.old;
  if (!job.spec.callback_url.empty()) queue_.add(job.meta.name);
}

Deliverer::Parts Webhooks::parts_of_deliverer() {
  const auto secret_of = [this](const std::string& client) -> Result<std::string, std::string> {
    if (secrets_.empty()) return Unexpected<std::string>("the setting webhook-secrets names no folder");
    // Read at each try, so that a new secret is used at once. The name of a Client has no slash.
    return base::read_text_file(secrets_ + "/" + client);
  };
  const auto send = [this](const http::Post& request, std::stop_token stop) {
    const auto check = [&](const http::IpAddress& address) { return allowed_.check(request.url, address); };
    return http::post(request, check, authorities_, kTellPatience, std::move(stop));
  };
  return {.client = parts_.client,
          .events = parts_.events,
          .jobs = parts_.jobs,
          .clients = parts_.clients,
          .metrics = parts_.metrics,
          .clock = parts_.clock,
          .allowed = allowed_,
          .secret_of = secret_of,
          .send = send,
          .is_recorded = parts_.is_recorded,
          .wake = [this](const std::string& job) { queue_.add(job); },
          .may_write = parts_.may_write};
}

Webhooks::Term::Term(Webhooks& webhooks, std::stop_token leading)
    : deliverer_(webhooks.parts_of_deliverer()),
      loop_(
          {.name = "webhook", .workers = kTells},
          [this](const std::string& job, std::stop_token stop) { return deliverer_.reconcile(job, std::move(stop)); },
          webhooks.parts_.metrics, webhooks.parts_.clock),
      queue_(webhooks.queue_, loop_.queue()),
      thread_([this](std::stop_token stop) { loop_.run(std::move(stop)); }),
      end_(std::move(leading), [this] { thread_.request_stop(); }) {
  const auto& jobs = webhooks.parts_.jobs;
  for (const std::string& name : jobs.names_by_index(kJobsByCallback, kCallbackOpen)) loop_.queue().add(name);
}

Webhooks::Term::~Term() {
  thread_.request_stop();
  thread_.join();
}

}  // namespace vbrain::controller
