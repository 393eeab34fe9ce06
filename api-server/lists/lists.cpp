#include "api-server/lists/lists.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api-server/jobs/job_record.hpp"
#include "api-server/jobs/volume_view.hpp"
#include "api-server/lists/id_lists.hpp"
#include "api-server/transfer/spool.hpp"
#include "artifacts/store/store.hpp"
#include "base/log/log.hpp"
#include "job/names.hpp"

namespace vbrain::api {
namespace {

// Whole pieces are written to the file.
constexpr std::size_t kPiece = 64 * 1024;

// Calls its argument with each id of a list, ascending. False: there is no such list.
using EachId = std::function<bool(const IdLists::Take&)>;
using Wanted = std::function<bool(std::string_view)>;

// The list in a file. Null: there is no such list.
std::shared_ptr<const Spooled> in_file(const Services& services, const artifacts::Tenant& tenant, const EachId& each,
                                       const Wanted& wanted, const base::RequestIds& ids) {
  const auto make = [&](const artifacts::ArchiveWriter::Sink& sink) -> std::optional<artifacts::ArchiveWriter::Added> {
    artifacts::ArchiveWriter::Added written;
    std::string text = "[";
    const auto flush = [&] {
      sink(text);
      written.bytes += text.size();
      text.clear();
    };
    bool first = true;
    const bool found = each([&](std::string_view id) {
      if (wanted && !wanted(id)) return;
      if (!std::exchange(first, false)) text += ',';
      text.append("\"").append(id).append("\"");
      if (text.size() >= kPiece) flush();
    });
    if (!found) return std::nullopt;
    text += "]";
    flush();
    return written;
  };
  auto spooled = spool(services.volume, tenant, services.spool_space, make, ids);
  return spooled ? std::make_shared<const Spooled>(std::move(*spooled)) : nullptr;
}

IdLists::Listed look_up(const Services& services, const artifacts::Tenant& tenant, const std::string& repository_id,
                        Effort effort) {
  IdLists& lists = services.view.lists();
  if (repository_id == kAllJobs) return lists.jobs_of_tenant(tenant, effort);
  return repository_id.empty() ? lists.repositories(tenant, effort) : lists.jobs(tenant, repository_id, effort);
}

// False: there is no such list.
bool add(AnswerText& answer, const Services& services, const artifacts::Tenant& tenant,
         const std::string& repository_id, const KnownList* known, const EachId& each, const Wanted& wanted,
         const base::RequestIds& ids) {
  auto known_or_read = look_up_list(answer, services, tenant, repository_id, known);
  if (!known_or_read) return true;
  IdLists::Listed listed = *std::move(known_or_read);
  if (listed.ids == nullptr && !listed.too_large) return false;
  if (listed.ids != nullptr && wanted) listed.ids = services.view.lists().filtered(tenant, *listed.ids, wanted);
  if (listed.ids != nullptr) {
    answer.add_list(listed.ids, pieces_of(*listed.ids), listed.ids->tag());
    return true;
  }
  auto file = in_file(services, tenant, each, wanted, ids);
  if (file == nullptr) return false;
  answer.add_file(std::move(file));
  return true;
}

}  // namespace

std::optional<base::TimePoint> time_of_job(const Services& services, const artifacts::Tenant& tenant,
                                           std::string_view id, const base::RequestIds& ids) {
  if (const auto told = job::time_of_job_id(id)) return told;
  try {
    if (const auto stored = services.view.job(tenant, id)) return stored->file.created_on;
  } catch (const artifacts::CorruptFile& problem) {
    // One unreadable file must not hide the other jobs.
    base::log_error("unreadable file on the volume", {{"job", id}, ids, {"error", problem.what()}});
  } catch (const artifacts::UnsafeFile& problem) {
    base::log_error("unreadable file on the volume", {{"job", id}, ids, {"error", problem.what()}});
  }
  const auto resource = services.jobs.get(id);
  if (resource == nullptr || !belongs_to(*resource, tenant)) return std::nullopt;
  return resource->meta.creation_timestamp;
}

std::optional<IdLists::Listed> look_up_list(AnswerText& answer, const Services& services,
                                            const artifacts::Tenant& tenant, const std::string& repository_id,
                                            const KnownList* known) {
  const bool is_known = known != nullptr && known->repository_id == repository_id;
  IdLists::Listed listed = is_known ? known->listed : look_up(services, tenant, repository_id, Effort::kShort);
  if (!listed.takes_long && (!listed.too_large || is_known)) return listed;
  answer.set_missing_list(repository_id);
  return std::nullopt;
}

KnownList read_list(const Services& services, const artifacts::Tenant& tenant, const std::string& repository_id) {
  return {repository_id, look_up(services, tenant, repository_id, Effort::kLong)};
}

bool add_jobs(AnswerText& answer, const Services& services, const artifacts::Tenant& tenant,
              std::string_view repository_id, const DateRange& range, const KnownList* known,
              const base::RequestIds& ids) {
  // A Job made with kubectl may have no repository.
  if (!artifacts::is_repository_id(repository_id)) return false;
  IdLists& lists = services.view.lists();
  const auto each = [&](const IdLists::Take& take) { return lists.each_job(tenant, repository_id, take); };
  const auto wanted = [&](std::string_view id) {
    const auto time = time_of_job(services, tenant, id, ids);
    return time && range.contains(*time);
  };
  return add(answer, services, tenant, std::string(repository_id), known, each,
             range.is_open() ? Wanted() : Wanted(wanted), ids);
}

void add_repositories(AnswerText& answer, const Services& services, const artifacts::Tenant& tenant,
                      const DateRange& range, const KnownList* known, const base::RequestIds& ids) {
  IdLists& lists = services.view.lists();
  const auto each = [&](const IdLists::Take& take) {
    lists.each_repository(tenant, take);
    return true;
  };
  const auto wanted = [&](std::string_view id) {
    const auto time = time_of_repository_id(id);
    return time && range.contains(*time);
  };
  add(answer, services, tenant, {}, known, each, range.is_open() ? Wanted() : Wanted(wanted), ids);
}

}  // namespace vbrain::api
