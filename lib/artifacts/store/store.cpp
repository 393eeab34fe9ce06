#include "artifacts/store/store.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "artifacts/files/access.hpp"
#include "artifacts/store/journal.hpp"
#include "base/json/json.hpp"

namespace vbrain::artifacts {
namespace {

std::string join(std::string folder, std::string_view name) {
  return std::move(folder.append("/").append(name));
}

template <class File>
std::optional<File> read_decoded(const Dir& root, const std::string& path,
                                 Result<File, std::string> (*decode)(std::string_view)) {
  const auto text = root.read_file(path, kJobFileLimit);
  if (!text) return std::nullopt;
  auto file = decode(*text);
  if (!file) throw CorruptFile(path + ": " + file.error());
  return std::move(*file);
}

std::vector<std::string> names_in(const Dir& folder, bool (*is_legal)(std::string_view),
                                  const std::function<bool(std::string_view)>& wanted) {
  std::vector<std::string> names;
  for (Dir::Entry& entry : folder.list()) {
    if (is_legal(entry.name) && (!wanted || wanted(entry.name))) names.push_back(std::move(entry.name));
  }
  return names;
}

}  // namespace

Store::Store(const std::string& root)
    : root_(with_denial_explained(root, [&] { return Dir::open(root); })),
      ordered_journal_(has_ordered_journal(root_.fd())) {}

Store::Store(const std::string& root, bool ordered_journal)
    : root_(Dir::open(root)), ordered_journal_(ordered_journal) {}

std::optional<RepositoryFile> Store::read_repository(const Tenant& tenant, std::string_view repository_id) const {
  return read_decoded(root(), layout::repository_file(tenant, repository_id), decode_repository_file);
}

bool Store::has_repository(const Tenant& tenant, std::string_view repository_id) const {
  return root().status(layout::repository(tenant, repository_id)).has_value();
}

bool Store::hold_repository(const Tenant& tenant, std::string_view repository_id) const {
  if (const auto markers = root().sub(layout::markers(tenant, repository_id))) {
    static_cast<void>(futimens(markers->fd(), nullptr));
  }
  return has_repository(tenant, repository_id);
}

std::optional<JobFile> Store::read_job(const Tenant& tenant, std::string_view job_id) const {
  return read_decoded(root(), layout::job_file(tenant, job_id), decode_job_file);
}

bool Store::has_job(const Tenant& tenant, std::string_view job_id) const {
  return root().status(layout::job(tenant, job_id)).has_value();
}

std::optional<std::vector<std::string>> Store::jobs_of(const Tenant& tenant, std::string_view repository_id,
                                                       const std::function<bool(std::string_view)>& wanted) const {
  const auto markers = root().sub(layout::markers(tenant, repository_id));
  if (!markers) return std::nullopt;
  auto ids = names_in(*markers, is_job_folder_name, wanted);
  const auto jobs = root().sub(layout::jobs(tenant));
  if (!jobs) return std::vector<std::string>{};
  // A marker is written before its job's folder. After a crash there may be no folder.
  std::erase_if(ids, [&](const std::string& id) {
    return !jobs->status(id) || jobs->status(join(id, layout::kDeleted)).has_value();
  });
  return ids;
}

std::vector<std::string> Store::repositories(const Tenant& tenant,
                                             const std::function<bool(std::string_view)>& wanted) const {
  const auto folder = root().sub(layout::repositories(tenant));
  return folder ? names_in(*folder, is_repository_id, wanted) : std::vector<std::string>{};
}

std::optional<ArchiveWriter::Added> Store::write_input_zip(const Tenant& tenant, std::string_view repository_id,
                                                           ArchiveWriter::Sink out) const {
  const auto file = read_repository(tenant, repository_id);
  if (!file) return std::nullopt;
  ArchiveWriter writer(std::move(out), Compression::kFast);
  const std::string input = layout::repository_input(tenant, repository_id);
  for (const InputFile& listed : file->input) {
    const auto content = root().open_file(join(input, listed.name));
    if (!content) throw CorruptFile(input + ": a file that repository.json lists is missing");
    // Not the file's own time, which changes when the volume is copied: the same input has to give the same bytes.
    writer.add(listed.name, content->fd.get(), content->size, listed.modified.value_or(file->created_on));
  }
  for (const std::string& folder : file->empty_folders) writer.add_folder(folder, file->created_on);
  return writer.finish();
}

std::string encode_record(const nlohmann::json& record) {
  nlohmann::json object = record;
  object["format"] = 1;
  return object.dump() + "\n";
}

void Store::write_status(const Tenant& tenant, std::string_view job_id, const nlohmann::json& record) const {
  root().write_file_durably(layout::status_file(tenant, job_id), encode_record(record));
}

std::optional<nlohmann::json> Store::read_status(const Tenant& tenant, std::string_view job_id) const {
  return read_record(root(), layout::status_file(tenant, job_id));
}

std::optional<base::TimePoint> Store::probe() const {
  const std::string name = ".probe-" + random_name();
  const auto takes_no_more = [](const VolumeError& error) { return error.is_full() || error.code().value() == EROFS; };
  std::optional<Fd> file;
  try {
    file = with_denial_explained(link_of(root().fd()), [&] { return root().create_file(name); });
    if (!file) throw VolumeError(EEXIST, "probe the volume");
  } catch (const VolumeError& error) {
    if (!takes_no_more(error)) throw;
    return std::nullopt;
  }
  // The time of its creation, since a full volume takes no bytes.
  struct stat found {};
  if (fstat(file->get(), &found) != 0) throw VolumeError(errno, "probe the volume");
  if (ignores_case(root(), name)) {
    root().remove_file(name);
    throw VolumeError(
        ENOTSUP,
        "the volume does not tell upper from lower case in names, so that tenants could share a folder; use "
        "a file system that does");
  }
  try {
    write_all(file->get(), "vbrain\n");
    sync_and_close(std::move(*file));
  } catch (const VolumeError& error) {
    root().remove_file(name);
    if (!takes_no_more(error)) throw;
    return changed_at(found);
  }
  root().remove_file(name);
  return changed_at(found);
}

}  // namespace vbrain::artifacts
