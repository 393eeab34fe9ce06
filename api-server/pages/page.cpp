#include "api-server/pages/page.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "api-server/jobs/job_record.hpp"
#include "api-server/jobs/space.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "artifacts/store/store.hpp"
#include "base/json/json.hpp"
#include "base/log/log.hpp"

namespace vbrain::api {
namespace {

using artifacts::Tenant;

// The ids of a list that had no room in memory that one page looks at.
constexpr std::size_t kIdsWithoutList = 1'000;

// One entry of the page.
struct Entry {
  std::string head;
  std::shared_ptr<const void> owner = nullptr;  // of `shown`
  std::string_view shown = {};
  std::string tag = {};
  std::string tail = {};

  std::size_t bytes() const { return head.size() + shown.size() + tail.size(); }
};

// The ids that come after `page.after`, in the order of the page.
class Walk {
 public:
  Walk(const IdList& list, const PageRequest& page) : list_(&list), down_(page.descending), left_(list.size()) {
    if (!down_) place_ = page.after.empty() ? 0 : list.count_until(page.after);
    if (!down_) left_ -= place_;
    if (down_ && !page.after.empty()) left_ = list.count_before(page.after);
    if (down_) place_ = left_;
  }
  explicit Walk(std::vector<std::string> ids)
      : ids_(std::move(ids)), left_(ids_.size()), more_(left_ == kIdsWithoutList) {}

  // Nothing: there are no more.
  std::optional<std::string_view> next() {
    if (left_ == 0) return std::nullopt;
    --left_;
    if (list_ == nullptr) return ids_[place_++];
    return list_->at(down_ ? --place_ : place_++);
  }
  bool is_at_end() const { return left_ == 0 && !more_; }

 private:
  const IdList* list_ = nullptr;
  std::vector<std::string> ids_;
  bool down_ = false;
  std::size_t place_ = 0;
  std::size_t left_ = 0;
  bool more_ = false;  // than the ids that it has
};

// The next ids of a list that is read anew for each page. `each` gives all of them, ascending.
std::vector<std::string> ids_after(const std::function<void(const IdLists::Take&)>& each, const PageRequest& page) {
  std::vector<std::string> ids;
  std::size_t count = 0;
  each([&](std::string_view id) {
    if (!page.after.empty() && (page.descending ? id >= page.after : id <= page.after)) return;
    if (ids.size() < kIdsWithoutList) {
      ids.emplace_back(id);
    } else if (page.descending) {
      ids[count % kIdsWithoutList] = id;  // the last ones are wanted
    }
    ++count;
  });
  std::ranges::sort(ids);
  if (page.descending) std::ranges::reverse(ids);
  return ids;
}

// Makes the text. `entry_of`: nothing if this one is not wanted or is gone.
PageEnd fill(AnswerText& answer, const Services& services, const PageRequest& page, Walk walk,
             const std::function<std::optional<Entry>(std::string_view id)>& entry_of) {
  const auto end = services.clock.steady() + kPageTime;
  std::string last;
  std::size_t bytes = 0;
  std::size_t entries = 0;
  std::size_t looked = 0;
  std::string text = "[";
  const auto flush = [&] { answer.add(std::exchange(text, {})); };
  while (entries < page.size && bytes < kPageBytes) {
    const auto id = walk.next();
    if (!id) break;
    last = *id;
    std::optional<Entry> entry = entry_of(*id);
    if (entry) {
      if (entries++ > 0) text += ',';
      bytes += entry->bytes();
      text += entry->head;
      if (entry->owner != nullptr) {
        flush();
        answer.add(std::move(entry->owner), entry->shown, entry->tag);
      }
      text += entry->tail;
    }
    if (++looked >= kLeastLooks && services.clock.steady() >= end) break;
  }
  text += ']';
  flush();
  return {.last = walk.is_at_end() ? std::string() : last};
}

// What the cache knows may be enough to leave a job out without a look at the volume.
bool may_be_wanted(const job::Job& resource, const Tenant& tenant, const PageRequest& page) {
  if (!belongs_to(resource, tenant)) return true;  // the name is also that of a job of this tenant
  if (resource.meta.deletion_timestamp) return false;
  if (!page.created_by.empty() && resource.spec.username != page.created_by) return false;
  if (page.phases.empty()) return true;
  const auto wants = [&](job::Phase phase) { return std::ranges::find(page.phases, phase) != page.phases.end(); };
  // A job is shown as started until its record is on the volume.
  const job::Phase phase = resource.status.phase;
  return wants(phase) || (is_terminal(phase) && wants(job::Phase::kStarted));
}

bool is_wanted(const JobRecord& record, const PageRequest& page) {
  const artifacts::JobFile& file = record.stored->file;
  if (!page.created_by.empty() && file.created_by != page.created_by) return false;
  if (!page.name.empty() && !name_contains(name_in(file.metadata), page.name)) return false;
  return page.phases.empty() || std::ranges::find(page.phases, record.status->phase) != page.phases.end();
}

std::string quoted(std::string_view id) {
  return std::string("\"").append(id).append("\"");
}

std::optional<Entry> job_entry(const Services& services, const Tenant& tenant, std::string_view id,
                               const PageRequest& page, const base::RequestIds& ids) {
  if (!page.dates.is_open()) {
    const auto time = time_of_job(services, tenant, id, ids);
    if (!time || !page.dates.contains(*time)) return std::nullopt;
  }
  if (page.has_filter()) {
    const auto resource = services.jobs.get(id);
    if (resource != nullptr && !may_be_wanted(*resource, tenant, page)) return std::nullopt;
  }
  const auto record = load_job(services, tenant, id);
  if (!record || record->unconfirmed || !is_wanted(*record, page)) return std::nullopt;
  if (!page.full) return Entry{.head = quoted(id)};
  const job::JobStatus& status = *record->status;
  const auto expires = is_terminal(status.phase) && status.completion_time
                           ? expiry_of(services, tenant, *status.completion_time)
                           : std::nullopt;
  return Entry{.head = render_job_head(*record),
               .owner = record->stored,
               .shown = record->stored->shown,
               .tag = record->stored->tag,
               .tail = render_job_tail(status, expires)};
}

std::optional<Entry> repository_entry(const Services& services, const Tenant& tenant, std::string_view id,
                                      const PageRequest& page) {
  if (!page.dates.is_open()) {
    const auto time = time_of_repository_id(id);
    if (!time || !page.dates.contains(*time)) return std::nullopt;
  }
  if (!page.full && !page.has_filter()) return Entry{.head = quoted(id)};
  const auto stored = services.view.repository(tenant, id);
  if (stored == nullptr) return std::nullopt;
  if (!page.created_by.empty() && stored->file.created_by != page.created_by) return std::nullopt;
  if (!page.name.empty() && !name_contains(name_in(stored->file.metadata), page.name)) return std::nullopt;
  if (!page.full) return Entry{.head = quoted(id)};
  return Entry{.head = "{",
               .owner = stored,
               .shown = std::string_view(stored->shown).substr(1),  // without its comma
               .tag = stored->tag,
               .tail = "}"};
}

// One unreadable file hides its own object only.
template <class Make>
auto readable(const base::RequestIds& ids, Make make) {
  return [&ids, make = std::move(make)](std::string_view id) -> std::optional<Entry> {
    try {
      return make(id);
    } catch (const artifacts::CorruptFile& problem) {
      base::log_error("unreadable file on the volume", {{"id", id}, ids, {"error", problem.what()}});
    } catch (const artifacts::UnsafeFile& problem) {
      base::log_error("unreadable file on the volume", {{"id", id}, ids, {"error", problem.what()}});
    }
    return std::nullopt;
  };
}

}  // namespace

PageEnd add_page_of_jobs(AnswerText& answer, const Services& services, const Tenant& tenant,
                         std::string_view repository_id, const PageRequest& page, const KnownList* known,
                         const base::RequestIds& ids) {
  if (!repository_id.empty() && !artifacts::is_repository_id(repository_id)) return {.found = false};
  const std::string list(repository_id.empty() ? kAllJobs : repository_id);
  const auto listed = look_up_list(answer, services, tenant, list, known);
  if (!listed) return {};
  const auto entry = readable(ids, [&](std::string_view id) { return job_entry(services, tenant, id, page, ids); });
  if (listed->ids != nullptr) return fill(answer, services, page, Walk(*listed->ids, page), entry);
  if (!listed->too_large) return {.found = false};
  IdLists& lists = services.view.lists();
  const auto each = [&](const IdLists::Take& take) {
    list == kAllJobs ? lists.each_job_of_tenant(tenant, take) : void(lists.each_job(tenant, list, take));
  };
  return fill(answer, services, page, Walk(ids_after(each, page)), entry);
}

PageEnd add_page_of_repositories(AnswerText& answer, const Services& services, const Tenant& tenant,
                                 const PageRequest& page, const KnownList* known, const base::RequestIds& ids) {
  const auto listed = look_up_list(answer, services, tenant, {}, known);
  if (!listed) return {};
  const auto entry = readable(ids, [&](std::string_view id) { return repository_entry(services, tenant, id, page); });
  if (listed->ids != nullptr) return fill(answer, services, page, Walk(*listed->ids, page), entry);
  const auto each = [&](const IdLists::Take& take) { services.view.lists().each_repository(tenant, take); };
  return fill(answer, services, page, Walk(ids_after(each, page)), entry);
}

}  // namespace vbrain::api
