#include "api-server/lists/id_lists.hpp"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include "api-server/jobs/job_record.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "artifacts/store/store.hpp"
#include "artifacts/store/store_index.hpp"
#include "http/task.hpp"

namespace vbrain::api {
namespace {

using artifacts::JobFolders;
using artifacts::Tenant;
using Names = std::set<std::string, std::less<>>;

// What an entry takes without its list.
constexpr std::size_t kEntryBytes = 512;
// The new ids of a folder that are held at a time.
constexpr std::size_t kIdsAtOnce = 16'384;

// A call that must be short would have to read too much.
struct TakesLong : std::exception {};

// Finds the names of a folder in a list. A folder tells them in nearly the same order each time: the last order saves
// the search for most of them.
class FolderOrder {
 public:
  FolderOrder(const IdList& ids, const std::vector<IdList::Spot>& last) : ids_(ids), last_(last) {
    order_.reserve(last.size() + 1);
  }

  // ids.size(): it is not there.
  std::size_t place_of(std::string_view name) {
    // The name may be new, so that the next one of the last order comes later; or one is gone since then.
    for (std::size_t i = next_; i < std::min(next_ + 2, last_.size()); ++i) {
      const std::size_t place = ids_.place_of(last_[i], name);
      if (place == ids_.size()) continue;
      next_ = i + 1;
      order_.push_back(last_[i]);
      return place;
    }
    const std::size_t place = ids_.place_of(name);
    const IdList::Spot spot = place == ids_.size() ? kNowhere : ids_.spot_of(place);
    order_.push_back(spot);
    const auto from =
        last_.begin() + static_cast<std::ptrdiff_t>(std::min(next_ - std::min(next_, kNear), last_.size()));
    const auto to = last_.begin() + static_cast<std::ptrdiff_t>(std::min(next_ + kNear, last_.size()));
    const auto near = std::find(from, to, spot);
    if (near != to) {
      next_ = static_cast<std::size_t>(near - last_.begin()) + 1;
    } else if (place < ids_.size()) {
      ++next_;  // its chunk is another one now
    }
    return place;
  }
  std::vector<IdList::Spot> take() { return std::move(order_); }

 private:
  static constexpr IdList::Spot kNowhere = UINT32_MAX;
  static constexpr std::size_t kNear = 64;
  const IdList& ids_;
  const std::vector<IdList::Spot>& last_;
  std::vector<IdList::Spot> order_;
  std::size_t next_ = 0;  // in last_
};

}  // namespace

bool IdLists::Source::is_id(std::string_view name) const {
  return of_jobs ? artifacts::is_job_folder_name(name) : artifacts::is_repository_id(name);
}

IdLists::IdLists(const artifacts::Store& volume, const kube::Cache<job::Job>& resources, const base::Clock& clock,
                 std::size_t bytes)
    : volume_(volume), resources_(resources), clock_(clock), max_bytes_(bytes), budget_(bytes, bytes / 2, 0) {}

IdLists::~IdLists() = default;

IdLists::Listed IdLists::jobs(const Tenant& tenant, std::string_view repository_id, Effort effort) {
  if (!artifacts::is_repository_id(repository_id)) return {};
  return list({tenant, artifacts::layout::markers(tenant, repository_id), true}, repository_id, effort);
}

IdLists::Listed IdLists::repositories(const Tenant& tenant, Effort effort) {
  Listed listed = list({tenant, artifacts::layout::repositories(tenant), false}, {}, effort);
  // A new tenant has no such folder.
  if (listed.ids == nullptr && !listed.too_large && !listed.takes_long) listed.ids = std::make_shared<const IdList>();
  return listed;
}

IdLists::Listed IdLists::jobs_of_tenant(const Tenant& tenant, Effort effort) {
  Listed listed = list({tenant, artifacts::layout::jobs(tenant), true}, {}, effort);
  if (listed.ids == nullptr && !listed.too_large && !listed.takes_long) listed.ids = std::make_shared<const IdList>();
  return listed;
}

IdLists::Listed IdLists::list(const Source& source, std::string_view repository_id, Effort effort) {
  const auto entry = entry_of(source);
  const std::uint64_t number = ++entry->asked;
  // Whoever reads it settles it.
  if (!entry->turn.enter(effort)) return {.ids = nullptr, .takes_long = true};
  const struct Settle {
    IdLists& lists;
    const Source& source;
    const std::shared_ptr<Entry>& entry;
    ~Settle() { lists.settle(source.folder, entry); }
  } settle_at_end{*this, source, entry};
  const struct Leave {
    ReadingTurn& turn;
    ~Leave() { turn.leave(); }
  } leave_before{entry->turn};
  return in_turn(source, repository_id, *entry, number, effort);
}

IdLists::Listed IdLists::in_turn(const Source& source, std::string_view repository_id, Entry& entry,
                                 std::uint64_t number, Effort effort) {
  // It is written into a file, which takes long.
  if (is_still_refused(source, entry)) return {.ids = nullptr, .too_large = true};
  entry.refused.reset();
  try {
    Listed listed;
    // A reading that began after this request had come serves it too.
    if (entry.ids == nullptr || entry.answered < number) entry.ids = refreshed(source, entry, effort);
    entry.takes_long = false;
    if (entry.ids != nullptr) listed.ids = with_resources(source, repository_id, entry);
    entry.weight = entry.ids == nullptr ? 0 : weight_of(entry);
    return listed;
  } catch (const TakesLong&) {
    entry.takes_long = true;
    entry.weight = entry.ids == nullptr ? kEntryBytes : weight_of(entry);
    return {.ids = nullptr, .takes_long = true};
  } catch (const http::Overloaded&) {
    // Its chunks are given back, so that smaller lists have room.
    entry.ids = entry.base = entry.shown = nullptr;
    entry.refused = Entry::Refused{entry.seen, budget_.room(source.tenant)};
    entry.weight = kEntryBytes;
    return {.ids = nullptr, .too_large = true};
  }
}

bool IdLists::is_still_refused(const Source& source, const Entry& entry) const {
  if (!entry.refused || budget_.room(source.tenant) > entry.refused->room) return false;
  const auto stamp = stamp_of(volume_, source.folder);
  return stamp && *stamp == entry.refused->stamp;
}

std::size_t IdLists::weight_of(const Entry& entry) {
  return kEntryBytes + entry.ids->bytes() + entry.order.capacity() * sizeof(IdList::Spot) + entry.unlisted.size() * 128;
}

// The ids by the folder. Null: there is none. Throws http::Overloaded if they have no room, and
// TakesLong.
std::shared_ptr<const IdList> IdLists::refreshed(const Source& source, Entry& entry, Effort effort) {
  const bool is_short = effort == Effort::kShort;
  const std::uint64_t answers = entry.asked;
  // The stamp is read before the names. A change after that gives the folder another stamp, which the next read sees.
  const base::TimePoint now = clock_.now();
  const auto stamp = stamp_of(volume_, source.folder);
  if (!stamp) return nullptr;
  entry.seen = *stamp;
  if (entry.ids != nullptr && entry.reliable && entry.stamp == *stamp) {
    if (is_short && entry.unlisted.size() > kShortLookUps) throw TakesLong();
    if (!entry.unlisted.empty()) look_up_unlisted(source, entry);
    entry.answered = answers;
    return entry.ids;
  }
  if (is_short && entry.takes_long) throw TakesLong();
  static const auto kNone = std::make_shared<const IdList>();
  std::shared_ptr<const IdList> ids = entry.ids == nullptr ? kNone : entry.ids;
  if (is_short && ids->size() > kShortNames) throw TakesLong();
  std::vector<bool> seen(ids->size());
  FolderOrder order(*ids, entry.order);
  std::vector<std::string> come;
  bool many = false;
  std::size_t names = 0;
  const bool found = artifacts::each_name(volume_, source.folder, [&](std::string_view name) {
    if (++names > kShortNames && is_short) throw TakesLong();
    if (!source.is_id(name)) return;
    const std::size_t place = order.place_of(name);
    if (place < ids->size()) {
      seen[place] = true;
    } else if (come.size() < kIdsAtOnce) {
      come.emplace_back(name);
    } else {
      many = true;
    }
  });
  if (!found) return nullptr;
  if (is_short && source.of_jobs && come.size() > kShortLookUps) throw TakesLong();
  Names unlisted;
  if (many) {
    ids = read_anew(source, entry, unlisted);
  } else {
    std::ranges::sort(come);
    // A folder that changes while it is read may tell a name twice.
    come.erase(std::ranges::unique(come).begin(), come.end());
    if (source.of_jobs && !come.empty()) {
      // A marker is written before its job's folder. After a crash there may be no folder.
      const JobFolders folders(volume_, source.tenant);
      std::erase_if(come, [&](const std::string& id) {
        if (folders.state(id) == JobFolders::State::kPresent) return false;
        unlisted.insert(id);
        return true;
      });
    }
    std::vector<std::string> gone;
    for (std::size_t place = 0; place < seen.size(); ++place) {
      if (!seen[place]) gone.emplace_back(ids->at(place));
    }
    if (!gone.empty() || !come.empty()) ids = ids->changed(gone, come, cover_for(source.tenant, &entry));
  }
  entry.stamp = *stamp;
  entry.reliable = is_reliable(*stamp, now);
  entry.order = order.take();
  entry.unlisted = std::move(unlisted);
  entry.answered = answers;
  return ids;
}

// The ids of a folder with many new ones, in pieces, so that the memory beside the list is bounded.
std::shared_ptr<const IdList> IdLists::read_anew(const Source& source, const Entry& entry, Names& unlisted) {
  auto ids = std::make_shared<const IdList>();
  const auto cover = cover_for(source.tenant, &entry);
  const JobFolders folders(volume_, source.tenant);
  std::vector<std::string> piece;
  const auto add_piece = [&] {
    ids = ids->changed({}, piece, cover);
    piece.clear();
  };
  const bool found = each(source, {}, [&](std::string_view id) {
    if (source.of_jobs && folders.state(id) != JobFolders::State::kPresent) {
      unlisted.emplace(id);
      return;
    }
    piece.emplace_back(id);
    if (piece.size() == 8 * IdList::kIdsInChunk) add_piece();
  });
  add_piece();
  return found ? ids : nullptr;
}

void IdLists::look_up_unlisted(const Source& source, Entry& entry) {
  const JobFolders folders(volume_, source.tenant);
  std::vector<std::string> come;
  for (const std::string& id : entry.unlisted) {
    if (folders.state(id) == JobFolders::State::kPresent) come.push_back(id);
  }
  if (come.empty()) return;
  entry.ids = entry.ids->changed({}, come, cover_for(source.tenant, &entry));
  for (const std::string& id : come) entry.unlisted.erase(id);
}

// Without the jobs whose resources are being deleted, and with those made with kubectl that have no folder yet.
std::shared_ptr<const IdList> IdLists::with_resources(const Source& source, std::string_view repository_id,
                                                      Entry& entry) {
  if (!source.of_jobs) return entry.ids;
  const std::string key = repository_key(source.tenant, repository_id);
  Resources by_hand = resources_.by_index(kKubectlJobsIndex, key);
  Resources deleted = resources_.by_index(kDeletedJobsIndex, key);
  if (by_hand.empty() && deleted.empty()) return entry.ids;
  if (entry.base == entry.ids && entry.by_hand == by_hand && entry.deleted == deleted) return entry.shown;
  std::vector<std::string> gone;
  for (const auto& resource : deleted) {
    if (entry.ids->contains(resource->meta.name)) gone.push_back(resource->meta.name);
  }
  bool looked_up = false;
  const auto come = made_by_hand(source.tenant, by_hand, *entry.ids, looked_up);
  auto shown =
      gone.empty() && come.empty() ? entry.ids : entry.ids->changed(gone, come, cover_for(source.tenant, &entry));
  // What was looked up on the volume may be different the next time.
  entry.base = looked_up ? nullptr : entry.ids;
  entry.shown = shown;
  entry.by_hand = std::move(by_hand);
  entry.deleted = std::move(deleted);
  return shown;
}

// The names of those of `resources`, which are sorted by name, that are neither in the list, nor have a folder, nor are
// being deleted.
std::vector<std::string> IdLists::made_by_hand(const Tenant& tenant, const Resources& resources, const IdList& known,
                                               bool& looked_up) const {
  std::vector<std::string> names;
  for (const auto& resource : resources) {
    const std::string& id = resource->meta.name;
    if (resource->meta.deletion_timestamp || known.contains(id) || !artifacts::is_job_folder_name(id)) continue;
    // A job with a folder is in the list by its marker, or it is deleted.
    looked_up = true;
    if (!volume_.has_job(tenant, id)) names.push_back(id);
  }
  return names;
}

bool IdLists::each_job(const Tenant& tenant, std::string_view repository_id, const Take& take) {
  if (!artifacts::is_repository_id(repository_id)) return false;
  const std::string key = repository_key(tenant, repository_id);
  Names deleted;
  for (const auto& resource : resources_.by_index(kDeletedJobsIndex, key)) deleted.insert(resource->meta.name);
  bool ignored = false;
  const auto names = made_by_hand(tenant, resources_.by_index(kKubectlJobsIndex, key), IdList(), ignored);
  const Names by_hand(names.begin(), names.end());
  const JobFolders folders(volume_, tenant);
  return each({tenant, artifacts::layout::markers(tenant, repository_id), true}, by_hand, [&](std::string_view id) {
    if (deleted.contains(id)) return;
    if (by_hand.contains(id) || folders.state(id) == JobFolders::State::kPresent) take(id);
  });
}

void IdLists::each_repository(const Tenant& tenant, const Take& take) {
  each({tenant, artifacts::layout::repositories(tenant), false}, {}, take);
}

void IdLists::each_job_of_tenant(const Tenant& tenant, const Take& take) {
  const JobFolders folders(volume_, tenant);
  each({tenant, artifacts::layout::jobs(tenant), true}, {}, [&](std::string_view id) {
    if (folders.state(id) == JobFolders::State::kPresent) take(id);
  });
}

// The names in the folder, and `more`, ascending.
bool IdLists::each(const Source& source, const Names& more, const Take& take) {
  std::string last;
  for (;;) {
    Names next;
    bool whole = true;
    const auto keep = [&](std::string_view name) {
      if (name <= std::string_view(last) || next.contains(name)) return;
      next.emplace(name);
      if (next.size() <= kIdsAtOnce) return;
      next.erase(std::prev(next.end()));
      whole = false;
    };
    const bool found = artifacts::each_name(volume_, source.folder, [&](std::string_view name) {
      if (source.is_id(name)) keep(name);
    });
    if (!found) return false;
    for (const std::string& name : more) keep(name);
    for (const std::string& name : next) take(name);
    if (whole) return true;
    last = *next.rbegin();
  }
}

std::shared_ptr<const IdList> IdLists::filtered(const Tenant& tenant, const IdList& list,
                                                const std::function<bool(std::string_view)>& wanted) {
  try {
    return list.filtered(wanted, cover_for(tenant, nullptr));
  } catch (const http::Overloaded&) {
    return nullptr;
  }
}

// Takes part of the budget for new chunks. If there is none left, the lists used least recently are forgotten: those of
// the tenant if its part is used up, else those of all. Throws http::Overloaded if that is not enough.
IdList::Cover IdLists::cover_for(const Tenant& tenant, const Entry* keep) {
  return [this, &tenant, keep](std::size_t bytes) -> std::shared_ptr<void> {
    auto share = std::make_shared<TenantBudget::Share>(budget_, tenant);
    for (;;) {
      try {
        share->cover(bytes);
        return share;
      } catch (const http::Overloaded&) {
        if (!forget_one(budget_.tenant_has_room(tenant, bytes) ? nullptr : &tenant, keep)) throw;
      }
    }
  };
}

std::shared_ptr<IdLists::Entry> IdLists::entry_of(const Source& source) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(source.folder);
  if (found != entries_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    return found->second->entry;
  }
  order_.push_front({source.folder, std::make_shared<Entry>(source.tenant), 0});
  entries_.emplace(order_.front().folder, order_.begin());
  return order_.front().entry;
}

// Counts what the list takes now. One without a folder is forgotten, and so are those used least recently if all
// together, or those of the tenant, take too much.
void IdLists::settle(const std::string& folder, const std::shared_ptr<Entry>& entry) {
  std::vector<std::shared_ptr<Entry>> forgotten;  // destroyed without the mutex
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(folder);
  if (found == entries_.end() || found->second->entry != entry) return;
  const std::size_t weight = entry->weight;
  count(*found->second, weight);
  if (weight == 0) forgotten.push_back(forget(found->second));
  const auto forget_oldest = [&](const Tenant* tenant) {
    for (auto kept = order_.end(); kept != order_.begin();) {
      --kept;
      if (tenant != nullptr && kept->entry->tenant != *tenant) continue;
      forgotten.push_back(forget(kept));
      return;
    }
  };
  const auto of_tenant = [&] {
    const auto bytes = tenant_bytes_.find(entry->tenant);
    return bytes == tenant_bytes_.end() ? 0 : bytes->second;
  };
  while (of_tenant() > max_bytes_ / 2) forget_oldest(&entry->tenant);
  while (bytes_ > max_bytes_) forget_oldest(nullptr);
}

// With mutex_.
void IdLists::count(Kept& kept, std::size_t weight) {
  bytes_ += weight - kept.weight;
  std::size_t& of_tenant = tenant_bytes_[kept.entry->tenant];
  of_tenant += weight - kept.weight;
  if (of_tenant == 0) tenant_bytes_.erase(kept.entry->tenant);
  kept.weight = weight;
}

std::shared_ptr<IdLists::Entry> IdLists::forget(Order::iterator kept) {
  count(*kept, 0);
  auto entry = std::move(kept->entry);
  entries_.erase(kept->folder);
  order_.erase(kept);
  return entry;
}

// False if there is none other than `keep`. `tenant`: one of this tenant's.
bool IdLists::forget_one(const Tenant* tenant, const Entry* keep) {
  std::shared_ptr<Entry> forgotten;
  const std::lock_guard lock(mutex_);
  for (auto kept = order_.end(); kept != order_.begin();) {
    --kept;
    if (kept->entry.get() == keep || kept->weight == 0 || (tenant != nullptr && kept->entry->tenant != *tenant))
      continue;
    forgotten = forget(kept);
    return true;
  }
  return false;
}

}  // namespace vbrain::api
