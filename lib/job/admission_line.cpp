#include "job/admission_line.hpp"

#include <utility>

namespace vbrain::job {

Demand demand_of(const Job& job) {
  if (is_terminal(job.status.phase)) return Demand::kEnded;
  const bool begun = job.status.attempts > 0;
  if (job.meta.deletion_timestamp) {
    // The finalizer is removed after the pod is gone.
    if (begun) return job.meta.has_finalizer(kFinalizer) ? Demand::kUnderWay : Demand::kEnded;
    return Demand::kNothing;
  }
  if (begun) return Demand::kUnderWay;
  return job.spec.suspend || job.spec.cancel ? Demand::kNothing : Demand::kSlot;
}

std::strong_ordering AdmissionLine::Ticket::operator<=>(const Ticket& other) const {
  if (const auto order = other.priority <=> priority; order != 0) return order;
  if (const auto order = created.time_since_epoch().count() <=> other.created.time_since_epoch().count(); order != 0) {
    return order;
  }
  return *job <=> *other.job;
}

bool AdmissionLine::has_room(std::size_t used, const std::optional<std::int32_t>& limit) {
  return !limit || std::cmp_less(used, *limit);
}

AdmissionLine::Ticket AdmissionLine::ticket_of(const Entries::value_type& entry) {
  return {.priority = entry.second.priority, .created = entry.second.created, .job = &entry.first};
}

AdmissionLine::ClientLine& AdmissionLine::line_of(const Tenant& tenant, const ConcurrencyLimits& limits) {
  const auto [found, added] = clients_.try_emplace(tenant);
  ClientLine& client = found->second;
  if (added) {
    client.tenant = &found->first;
    client.application = &applications_[tenant.application];
    client.application->clients.insert(&client);
  }
  apply(client, limits);
  return client;
}

void AdmissionLine::apply(ClientLine& client, const ConcurrencyLimits& limits) {
  client.limit = limits.client;
  client.open = limits.open;
  client.application->limit = limits.application;
  if (!client.open) bring_back_admitted(client);
  refresh_head(client);
}

// These jobs cannot begin, and other jobs wait for their slots.
void AdmissionLine::bring_back_admitted(ClientLine& client) {
  const std::size_t count = client.admitted.size();
  for (const Ticket& ticket : client.admitted) jobs_.find(*ticket.job)->second.state = Entry::State::kWaiting;
  client.waiting.merge(client.admitted);
  client.used -= count;
  client.application->used -= count;
  holding_ -= count;
  waiting_ += count;
}

// Updates the Client's entry in the Application's `heads`. Call it after every change of a Client.
void AdmissionLine::refresh_head(ClientLine& client) {
  std::optional<Ticket> head;
  if (client.open && has_room(client.used, client.limit) && !client.waiting.empty()) head = *client.waiting.begin();
  changed_.insert(client.application);
  if (head == client.head) return;
  auto& heads = client.application->heads;
  if (client.head) heads.erase(*client.head);
  if (head) heads.emplace(*head, &client);
  client.head = head;
}

void AdmissionLine::take_slot(Entries::value_type& entry, Entry::State state) {
  auto& [name, job] = entry;
  if (job.state == Entry::State::kWaiting) {
    ClientLine& client = *job.client;
    if (client.waiting.erase(ticket_of(entry)) > 0) --waiting_;
    ++client.used;
    ++client.application->used;
    ++holding_;
    refresh_head(client);
  }
  if (state == Entry::State::kAdmitted) {
    job.client->admitted.insert(ticket_of(entry));
  } else {
    job.client->admitted.erase(ticket_of(entry));
  }
  job.state = state;
}

void AdmissionLine::remove(Entries::iterator entry) {
  ClientLine& client = *entry->second.client;
  ApplicationLine& application = *client.application;
  if (entry->second.state == Entry::State::kWaiting) {
    client.waiting.erase(ticket_of(*entry));
    --waiting_;
  } else {
    client.admitted.erase(ticket_of(*entry));
    --client.used;
    --application.used;
    --holding_;
  }
  refresh_head(client);
  jobs_.erase(entry);
  if (client.used > 0 || !client.waiting.empty()) return;
  application.clients.erase(&client);
  const std::string id = client.tenant->application;
  clients_.erase(clients_.find(*client.tenant));
  if (!application.clients.empty()) return;
  changed_.erase(&application);
  applications_.erase(id);
}

void AdmissionLine::observe(const Job& job, const ConcurrencyLimits& limits) {
  const std::string& name = job.meta.name;
  auto found = jobs_.find(name);
  const Demand demand = demand_of(job);
  if (found != jobs_.end()) {
    const bool same = found->second.uid == job.meta.uid;
    const bool late = same && found->second.state == Entry::State::kUnderWay && demand != Demand::kEnded;
    if (late) return apply(*found->second.client, limits);
    const bool moves =
        found->second.state == Entry::State::kWaiting &&
        (found->second.priority != job.spec.priority || found->second.created != job.meta.creation_timestamp);
    if (!same || moves || demand == Demand::kNothing || demand == Demand::kEnded) {
      remove(found);
      found = jobs_.end();
    }
  }
  if (demand == Demand::kNothing || demand == Demand::kEnded) return;
  if (found == jobs_.end()) {
    const Tenant tenant{job.spec.organization_id, job.spec.application_id, job.spec.client_id};
    ClientLine& client = line_of(tenant, limits);
    found = jobs_.try_emplace(name).first;
    found->second = {.uid = job.meta.uid,
                     .client = &client,
                     .priority = job.spec.priority,
                     .created = job.meta.creation_timestamp,
                     .state = Entry::State::kWaiting};
    client.waiting.insert(ticket_of(*found));
    ++waiting_;
  }
  if (demand == Demand::kUnderWay) take_slot(*found, Entry::State::kUnderWay);
  apply(*found->second.client, limits);
}

void AdmissionLine::forget(const std::string& job, const std::string& uid) {
  const auto found = jobs_.find(job);
  if (found != jobs_.end() && (uid.empty() || found->second.uid == uid)) remove(found);
}

void AdmissionLine::give_back(const std::string& job) {
  const auto found = jobs_.find(job);
  if (found != jobs_.end() && found->second.state == Entry::State::kAdmitted) remove(found);
}

void AdmissionLine::set_limits(const Tenant& tenant, const ConcurrencyLimits& limits) {
  if (const auto found = clients_.find(tenant); found != clients_.end()) apply(found->second, limits);
}

std::vector<std::string> AdmissionLine::admit() {
  std::vector<std::string> admitted;
  while (!changed_.empty()) {
    ApplicationLine& application = **changed_.begin();
    while (!application.heads.empty() && has_room(application.used, application.limit)) {
      auto& entry = *jobs_.find(*application.heads.begin()->first.job);
      take_slot(entry, Entry::State::kAdmitted);
      admitted.push_back(entry.first);
    }
    changed_.erase(&application);
  }
  return admitted;
}

void AdmissionLine::clear() {
  *this = {};
}

AdmissionLine::Standing AdmissionLine::standing(const std::string& job) const {
  const auto found = jobs_.find(job);
  if (found == jobs_.end()) return Standing::kUnknown;
  const Entry& entry = found->second;
  if (entry.state == Entry::State::kUnderWay) return Standing::kUnderWay;
  if (entry.state == Entry::State::kAdmitted) return Standing::kAdmitted;
  const ClientLine& client = *entry.client;
  if (!client.open) return Standing::kAside;
  return has_room(client.used, client.limit) ? Standing::kWaitsForApplication : Standing::kWaitsForClient;
}

AdmissionLine::Usage AdmissionLine::usage_of_client(const Tenant& tenant) const {
  const auto found = clients_.find(tenant);
  return found == clients_.end() ? Usage{} : Usage{found->second.used, found->second.limit};
}

AdmissionLine::Usage AdmissionLine::usage_of_application(const std::string& application) const {
  const auto found = applications_.find(application);
  return found == applications_.end() ? Usage{} : Usage{found->second.used, found->second.limit};
}

std::vector<Tenant> AdmissionLine::tenants_of(const std::string& application) const {
  std::vector<Tenant> tenants;
  const auto found = applications_.find(application);
  if (found == applications_.end()) return tenants;
  tenants.reserve(found->second.clients.size());
  for (const ClientLine* client : found->second.clients) tenants.push_back(*client->tenant);
  return tenants;
}

}  // namespace vbrain::job
