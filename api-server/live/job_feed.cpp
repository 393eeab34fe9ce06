#include "api-server/live/job_feed.hpp"

#include <algorithm>
#include <utility>

#include "api-server/jobs/job_record.hpp"
#include "artifacts/store/layout.hpp"
#include "base/text/digest.hpp"
#include "job/causes.hpp"

namespace vbrain::api {
namespace {

constexpr std::size_t kDigestDigits = 16;

base::Tenant tenant_of(const job::Job& job) {
  return {job.spec.organization_id, job.spec.application_id, job.spec.client_id};
}

std::string time_text(const std::optional<base::TimePoint>& time) {
  return time ? std::to_string(time->time_since_epoch().count()) : "";
}

// All of a job that an event shows, in one line.
std::string shown_of(const job::Job& job) {
  const job::JobStatus& status = job.status;
  std::string text = job.meta.uid;
  for (const std::string& part :
       {std::string(to_string(status.phase)), status.reason, job::public_message(status),
        std::to_string(status.attempts), time_text(status.start_time), time_text(status.completion_time),
        std::string(job.meta.deletion_timestamp ? "deleted" : "")}) {
    text.append("\n").append(part);
  }
  return text;
}

// Two histories of a cluster (etcd was restored) give the same resourceVersion to different changes, so an id says
// which change it was, too.
std::string make_event_id(const std::string& version, std::string_view what) {
  return version + "-" + base::sha256_hex(version + "\n" + std::string(what)).substr(0, kDigestDigits);
}

}  // namespace

// The part of one tenant.
struct JobFeed::TenantNews {
  explicit TenantNews(base::Tenant whose) : tenant(std::move(whose)) {}

  const base::Tenant tenant;
  std::map<std::uint64_t, Item> items;                     // the last change of each job, by position
  std::unordered_map<std::string, std::uint64_t> by_job;   // positions in `items`
  std::uint64_t forgotten = 0;                             // the last position that was removed because it was too old
  std::set<Subscription*> all_jobs;                        // streams
  std::map<std::string, std::set<Subscription*>> one_job;  // streams of single jobs
  bool wants_names = false;
  bool has_names = false;
  std::set<std::string, std::less<>> names;

  bool has_streams() const { return !all_jobs.empty() || !one_job.empty(); }
  void wake(const std::string& job_id) const {
    const auto tell = [](Subscription* stream) {
      stream->news_ = true;
      stream->waker_.wake();
    };
    std::ranges::for_each(all_jobs, tell);
    const auto found = one_job.find(job_id);
    if (found != one_job.end()) std::ranges::for_each(found->second, tell);
  }
};

JobFeed::Subscription::Subscription(JobFeed& feed, const base::Tenant& tenant, std::string job_id, http::Waker waker)
    : feed_(feed), job_id_(std::move(job_id)), waker_(std::move(waker)) {
  feed_.enter(*this, tenant);
}

JobFeed::Subscription::~Subscription() {
  feed_.leave(*this);
}

void JobFeed::enter(Subscription& subscription, const base::Tenant& tenant) {
  const std::lock_guard lock(mutex_);
  subscription.tenant_ = news_of(tenant);
  TenantNews& news = *subscription.tenant_;
  (subscription.job_id_.empty() ? news.all_jobs : news.one_job[subscription.job_id_]).insert(&subscription);
}

void JobFeed::leave(Subscription& subscription) {
  const std::lock_guard lock(mutex_);
  TenantNews& tenant = *subscription.tenant_;
  if (subscription.job_id_.empty()) {
    tenant.all_jobs.erase(&subscription);
  } else {
    const auto found = tenant.one_job.find(subscription.job_id_);
    found->second.erase(&subscription);
    if (found->second.empty()) tenant.one_job.erase(found);
  }
  if (tenant.all_jobs.empty()) {
    tenant.wants_names = tenant.has_names = false;
    tenant.names.clear();
  }
  drop_if_unused(subscription.tenant_);
}

std::shared_ptr<JobFeed::TenantNews> JobFeed::news_of(const base::Tenant& tenant) {
  auto& found = tenants_[tenant];
  if (found == nullptr) found = std::make_shared<TenantNews>(tenant);
  return found;
}

void JobFeed::drop_if_unused(const std::shared_ptr<TenantNews>& tenant) {
  if (!tenant->items.empty() || tenant->has_streams()) return;
  const auto found = tenants_.find(tenant->tenant);
  if (found != tenants_.end() && found->second == tenant) tenants_.erase(found);
}

void JobFeed::list_began() {
  const std::lock_guard lock(mutex_);
  listing_ = true;
}

void JobFeed::list_ended(const std::string& version) {
  const std::lock_guard lock(mutex_);
  listing_ = false;
  // Only this server knows this id: what another one saw before it may differ.
  add_slot(nullptr, make_event_id(version, base::random_bytes(16)));
  forget_oldest();
}

void JobFeed::note(const kube::Change<job::Job>& change) {
  // The first list: nobody has asked for anything yet. No other thread writes this number.
  if (last_ == 0) return;
  if (change.old != nullptr && change.now != nullptr && tenant_of(*change.old) != tenant_of(*change.now)) {
    // Another job with the same name, made while there was no watch.
    note({change.old, nullptr});
    return note({nullptr, change.now});
  }
  const job::Job& job = change.now != nullptr ? *change.now : *change.old;
  if (!artifacts::is_job_folder_name(job.meta.name)) return;
  const bool was_shown = change.old != nullptr && !change.old->meta.deletion_timestamp;
  const std::string shown = change.now == nullptr ? "" : shown_of(*change.now);
  const bool is_news = change.now == nullptr   ? was_shown
                       : change.old == nullptr ? !change.now->meta.deletion_timestamp
                                               : shown_of(*change.old) != shown;

  const std::lock_guard lock(mutex_);
  // Also without news: the removal of a job that was being deleted is none.
  note_name(job, change.now != nullptr && !change.now->meta.deletion_timestamp);
  if (!is_news) return;
  const auto tenant = news_of(tenant_of(job));
  auto news = std::make_shared<JobNews>();
  if (change.now != nullptr && !listing_) news->event_id = make_event_id(change.now->meta.resource_version, shown);
  add_slot(tenant, news->event_id);
  news->position = last_;
  news->job_id = job.meta.name;
  news->job = change.now;
  news->had_ended = change.old != nullptr && is_terminal(change.old->status.phase);
  // The resource of an ended job goes when its time is over, of which no client is told: the id before it stays right.
  const bool is_told = change.now != nullptr || !news->had_ended;
  if (news->event_id.empty() && is_told) last_id_.clear();
  const auto known = tenant->by_job.find(job.meta.name);
  if (known == tenant->by_job.end()) {
    tenant->by_job.emplace(job.meta.name, last_);
  } else {
    // An end stays when the resource of the ended job is removed, which is no news if the job is still there.
    if (change.now != nullptr || !news->had_ended) tenant->items.erase(known->second);
    known->second = last_;
  }
  tenant->items.emplace(last_, Item{std::move(news), nullptr});
  tenant->wake(job.meta.name);
  // Only now: what is forgotten may be all that this tenant had.
  forget_oldest();
}

void JobFeed::note_name(const job::Job& job, bool exists) {
  const auto found = tenants_.find(tenant_of(job));
  if (found == tenants_.end() || !found->second->wants_names) return;
  if (exists) {
    found->second->names.insert(job.meta.name);
  } else {
    found->second->names.erase(job.meta.name);
  }
}

void JobFeed::add_slot(std::shared_ptr<TenantNews> tenant, std::string event_id) {
  ++last_;
  if (!event_id.empty()) {
    last_id_ = event_id;
    by_id_.insert_or_assign(event_id, last_);
  }
  slots_.push_back({last_, std::move(tenant), std::move(event_id)});
}

void JobFeed::forget_oldest() {
  while (slots_.size() > most_) {
    const Slot slot = std::move(slots_.front());
    slots_.pop_front();
    forget(slot);
  }
}

void JobFeed::forget(const Slot& slot) {
  const auto id = by_id_.find(slot.event_id);
  if (id != by_id_.end() && id->second == slot.position) by_id_.erase(id);
  if (slot.tenant == nullptr) return;
  TenantNews& tenant = *slot.tenant;
  const auto item = tenant.items.find(slot.position);
  if (item == tenant.items.end()) return;
  tenant.forgotten = slot.position;
  const auto job = tenant.by_job.find(item->second.news->job_id);
  if (job != tenant.by_job.end() && job->second == slot.position) tenant.by_job.erase(job);
  tenant.items.erase(item);
  drop_if_unused(slot.tenant);
}

JobFeed::Place JobFeed::end() const {
  const std::lock_guard lock(mutex_);
  return {last_, by_id_.contains(last_id_) ? last_id_ : ""};
}

std::optional<std::uint64_t> JobFeed::position_of(std::string_view event_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(std::string(event_id));
  return found == by_id_.end() ? std::nullopt : std::optional(found->second);
}

JobFeed::Part JobFeed::after(const Subscription& subscription, std::uint64_t position, std::size_t most) const {
  const std::lock_guard lock(mutex_);
  const TenantNews& tenant = *subscription.tenant_;
  Part part;
  part.gap = tenant.forgotten > position;
  if (part.gap) return part;
  auto at = tenant.items.upper_bound(position);
  for (; at != tenant.items.end() && part.items.size() < most; ++at) part.items.push_back(at->second);
  part.more = at != tenant.items.end();
  return part;
}

void JobFeed::keep(const Subscription& subscription, const JobNews& news, EventText text) {
  const std::lock_guard lock(mutex_);
  const auto found = subscription.tenant_->items.find(news.position);
  if (found != subscription.tenant_->items.end()) found->second.text = std::move(text);
}

bool JobFeed::knows_names(const Subscription& subscription) const {
  const std::lock_guard lock(mutex_);
  return subscription.tenant_->has_names;
}

void JobFeed::learn_names(const Subscription& subscription, const kube::Cache<job::Job>& jobs) {
  TenantNews& tenant = *subscription.tenant_;
  {
    const std::lock_guard lock(mutex_);
    if (tenant.has_names) return;
    tenant.wants_names = true;  // from now on note() adds what comes
  }
  decltype(tenant.names) names;
  for (const auto& job : jobs.list()) {
    if (belongs_to(*job, tenant.tenant) && artifacts::is_job_folder_name(job->meta.name)) {
      names.insert(job->meta.name);
    }
  }
  const std::lock_guard lock(mutex_);
  if (!tenant.wants_names || tenant.has_names) return;
  // Few have come meanwhile: the lock, which the watch and all streams need, is held for them only. One that was
  // removed meanwhile may stay in the set. Who reads it looks into the cache.
  names.merge(tenant.names);
  tenant.names.swap(names);
  tenant.has_names = true;
}

std::vector<std::string> JobFeed::names_after(const Subscription& subscription, std::string_view name,
                                              std::size_t most) const {
  const std::lock_guard lock(mutex_);
  const auto& names = subscription.tenant_->names;
  std::vector<std::string> found;
  for (auto at = names.upper_bound(name); at != names.end() && found.size() < most; ++at) found.push_back(*at);
  return found;
}

}  // namespace vbrain::api
