#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <unordered_set>

#include "artifacts/records/encode_readable.hpp"
#include "artifacts/store/store.hpp"
#include "base/files/io.hpp"
#include "base/log/log.hpp"
#include "base/text/digest.hpp"

namespace vbrain::artifacts {
namespace {

void write_synced(const Dir& folder, std::string_view name, std::string_view bytes) {
  auto file = folder.create_file(name);
  if (!file) throw VolumeError(EEXIST, "create " + std::string(name));
  write_all(file->get(), bytes);
  sync_and_close(std::move(*file));
}

// Copies the content of one file: as a reflink where the file system has them (btrfs, XFS), else the kernel copies.
void copy_file(const OpenFile& from, int to) {
  if (ioctl(to, FICLONE, from.fd.get()) == 0) return;
  std::uint64_t left = from.size;
  while (left > 0) {
    const ssize_t copied =
        base::without_eintr([&] { return copy_file_range(from.fd.get(), nullptr, to, nullptr, left, 0); });
    if (copied < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) break;
    if (copied < 0) throw VolumeError(errno, "copy an input file");
    if (copied == 0) return;
    left -= static_cast<std::uint64_t>(copied);
  }
  std::array<char, 64U << 10> block;
  while (left > 0) {
    const ssize_t got = base::read_some(from.fd.get(), block);
    if (got < 0) throw VolumeError(errno, "copy an input file");
    if (got == 0) return;
    write_all(to, {block.data(), static_cast<std::size_t>(got)});
    left -= static_cast<std::uint64_t>(got);
  }
}

// Undoes the first steps after a later one failed. If that fails too, it is logged; the caller throws the first error.
template <class F>
void take_back(const base::RequestIds& ids, F undo) noexcept {
  try {
    undo();
  } catch (const std::exception& error) {
    base::log_error("an incomplete job or repository could not be removed from the volume",
                    {ids, {"error", error.what()}});
  }
}

// A job's entry in its repository's index, removed again unless the job is published. An entry of another caller stays.
class Marker {
 public:
  explicit Marker(const base::RequestIds& ids) : ids_(ids) {}
  Marker(const Marker&) = delete;
  Marker& operator=(const Marker&) = delete;
  ~Marker() {
    if (markers_ != nullptr) take_back(ids_, [&] { markers_->remove_file(job_id_); });
  }

  // Not durable until the folder is synced.
  void create(const Dir& markers, const std::string& job_id) {
    if (markers.create_file(job_id)) {
      markers_ = &markers;
      job_id_ = job_id;
    }
  }
  void keep() { markers_ = nullptr; }

 private:
  const base::RequestIds& ids_;
  const Dir* markers_ = nullptr;
  std::string job_id_;
};

}  // namespace

Staging::Staging(Tenant tenant, std::shared_ptr<const Dir> parent, std::string name, Dir folder, base::RequestIds ids)
    : tenant_(std::move(tenant)),
      parent_(std::move(parent)),
      name_(std::move(name)),
      folder_(std::move(folder)),
      ids_(std::move(ids)) {}

Staging& Staging::operator=(Staging&& other) noexcept {
  if (this == &other) return *this;
  discard();
  tenant_ = std::move(other.tenant_);
  parent_ = std::move(other.parent_);
  name_ = std::move(other.name_);
  folder_ = std::move(other.folder_);
  input_ = std::move(other.input_);
  ids_ = std::move(other.ids_);
  return *this;
}

Staging::~Staging() {
  discard();
}

void Staging::discard() noexcept {
  if (!parent_) return;
  try {
    parent_->remove_tree(name_);
  } catch (const std::exception& error) {
    // The sweeper removes it later.
    base::log_warning("staged folder not removed", {ids_, {"error", error.what()}});
  }
  parent_.reset();
}

const Dir& Staging::input() {
  if (!input_) {
    input_ = folder_.make_new(layout::kInput);
    if (!input_) input_ = folder_.at(layout::kInput);
  }
  return *input_;
}

Staging Store::stage(const Tenant& tenant, const base::RequestIds& ids) const {
  auto parent = std::make_shared<const Dir>(root().make(layout::staging(tenant)));
  for (;;) {
    std::string name = random_name();
    auto folder = parent->make_new(name);
    if (folder) return Staging(tenant, std::move(parent), std::move(name), std::move(*folder), ids);
  }
}

namespace {

// The ids of a second, from a random one on.
class RepositoryIds {
 public:
  explicit RepositoryIds(base::TimePoint now) : second_(base::format_digits(now)) {
    const std::string bytes = base::random_bytes(2);
    first_ = static_cast<unsigned char>(bytes[0]) * 256U + static_cast<unsigned char>(bytes[1]);
  }
  // Calls `take(id)` with one id after the other until it returns true.
  template <class F>
  std::string find(const F& take) const {
    for (unsigned turn = 0; turn < 10'000; ++turn) {
      std::array<char, 8> digits{};
      std::snprintf(digits.data(), digits.size(), "%04u", (first_ + turn) % 10'000);
      std::string id = second_ + digits.data();
      if (take(id)) return id;
    }
    throw VolumeError(EEXIST, "choose a repository id");
  }

 private:
  std::string second_;
  unsigned first_ = 0;
};

}  // namespace

// What is below the folder becomes durable. The names in it are covered by the fsync that follows that of
// repository.json: of the folder, or with an ordered journal of that file itself, which covers empty folders, too.
void Store::stage_repository(Staging& staging, const RepositoryFile& file) const {
  encode_readable(file, decode_repository_file);
  const bool has_files = staging.input_.has_value();
  const Dir& input = staging.input();
  const std::optional<Dir> jobs = staging.folder().make_new("jobs");
  if (has_files) input.sync_tree();
  if (ordered_journal_) return;
  if (!has_files) input.sync();
  if (jobs) jobs->sync();
}

bool Store::rename_repository(Staging& staging, const RepositoryFile& file, const Dir& repositories) const {
  // 1. repository.json, which contains the id, and its directory entry.
  DurableFile written(staging.folder());
  write_all(written.fd(), encode(file));
  written.commit(layout::kRepositoryFile, !ordered_journal_);
  // 2. The rename into place.
  if (!staging.parent_->move(staging.name_, repositories, file.repository_id)) return false;
  staging.parent_.reset();
  // 3. Its new name. If this fsync fails, the caller does not get the id, so the repository is removed again.
  try {
    repositories.sync();
  } catch (const VolumeError&) {
    take_back(staging.ids_, [&] { trash_repository(staging.tenant_, file.repository_id, staging.ids_); });
    throw;
  }
  return true;
}

std::string Store::publish_repository(Staging staging, RepositoryFile file, base::TimePoint now) const {
  file.repository_id = base::format_digits(now) + "0000";
  const Dir repositories = root().make(layout::repositories(staging.tenant_));
  stage_repository(staging, file);
  // If an id was taken in the meantime, the next one is tried.
  return RepositoryIds(now).find([&](const std::string& id) {
    file.repository_id = id;
    return !repositories.status(id) && rename_repository(staging, file, repositories);
  });
}

std::string Store::choose_repository_id(const Tenant& tenant, base::TimePoint now) const {
  const Dir repositories = root().make(layout::repositories(tenant));
  return RepositoryIds(now).find([&](const std::string& id) { return !repositories.status(id); });
}

bool Store::publish_repository_as(Staging staging, const RepositoryFile& file) const {
  const Dir repositories = root().make(layout::repositories(staging.tenant_));
  if (repositories.status(file.repository_id)) return false;
  stage_repository(staging, file);
  return rename_repository(staging, file, repositories);
}

bool Store::place(Staging staging, const Dir& folder, std::string_view name) const {
  if (!staging.parent_->move(staging.name_, folder, name)) return false;
  staging.parent_.reset();
  return true;
}

Result<void, PublishError> Store::publish_job(const JobFile& file, const base::RequestIds& ids) const {
  return publish_job(stage(file.tenant, ids), file);
}

Result<void, PublishError> Store::publish_job(Staging staging, const JobFile& file) const {
  const std::optional<Dir> attempts = add_first_attempt(staging.folder());
  return publish(std::move(staging), file, !file.repository_id.empty(), attempts);
}

Result<void, PublishError> Store::publish_ended_job(const JobFile& file, const nlohmann::json& record) const {
  Staging staging = stage(file.tenant);
  write_synced(staging.folder(), layout::kStatusFile, encode_record(record));
  const bool indexed = !file.repository_id.empty() && has_repository(file.tenant, file.repository_id);
  return publish(std::move(staging), file, indexed, std::nullopt);
}

Result<void, PublishError> Store::publish(Staging staging, const JobFile& file, bool indexed,
                                          const std::optional<Dir>& attempts) const {
  const std::string text = encode_readable(file, decode_job_file);
  const auto absent = Unexpected<PublishError>(PublishError::kNoRepository);
  std::optional<Dir> markers;
  if (indexed) {
    markers = root().sub(layout::markers(file.tenant, file.repository_id));
    if (!markers) return absent;
  }
  const Dir jobs = root().make(layout::jobs(file.tenant));
  if (jobs.status(file.job_id)) return Unexpected<PublishError>(PublishError::kTaken);
  // 1. The input, which may take long, becomes durable, still in .staging.
  if (staging.input_) staging.input_->sync_tree();
  // The repository may be removed since its index was opened: then false.
  const auto in_index = [&](const auto& step) {
    try {
      step();
    } catch (const VolumeError&) {
      // The index goes first when the repository is removed because nothing uses it.
      if (root().status(layout::markers(file.tenant, file.repository_id))) throw;
      return false;
    }
    return true;
  };
  // 2. All that is left to create comes before the first fsync: the journal of a local file system takes it in one
  // transaction, and the fsyncs after the first one find it written. First the marker in the repository's index. After
  // a crash before step 4 it has no job; sweep_markers() removes it.
  Marker marker(staging.ids_);
  if (indexed && !in_index([&] { marker.create(*markers, file.job_id); })) return absent;
  write_synced(staging.folder(), layout::kJobFile, text);
  // 3. The names, in the order from below. The marker is durable before the job is visible. With an ordered journal the
  // fsync of job.json has covered them.
  if (!ordered_journal_) {
    if (attempts) attempts->sync();
    staging.folder().sync();
    if (indexed && !in_index([&] { markers->sync(); })) return absent;
  }
  // 4. The rename into place: from here on the job exists.
  const bool placed = staging.parent_->move(staging.name_, jobs, file.job_id);
  // Whose rename came first needs the entry, whoever made it.
  marker.keep();
  if (!placed) return Unexpected<PublishError>(PublishError::kTaken);
  staging.parent_.reset();
  // 5. Its name. If this fsync fails, the caller gets an error, so the job is removed again: nobody may run it. The old
  // name in .staging needs none: a rename changes both folders at once.
  try {
    jobs.sync();
  } catch (const VolumeError&) {
    take_back(staging.ids_, [&] { trash_jobs(file.tenant, {file.job_id}, file.repository_id, staging.ids_); });
    throw;
  }
  // 6. If the repository is being removed at the same time, its jobs are removed too. If it was moved after step 2, the
  // remover has seen our marker. If it was moved before, we see it here.
  if (indexed && !has_repository(file.tenant, file.repository_id)) {
    remove_job(file.tenant, file.job_id, {}, {}, staging.ids_);
    return absent;
  }
  return {};
}

namespace {

// Whether one of `names` is the file itself or a folder that contains it.
bool is_shadowed(const std::string& file, const std::unordered_set<std::string>& names) {
  if (names.contains(file)) return true;
  for (auto slash = file.find('/'); slash != std::string::npos; slash = file.find('/', slash + 1)) {
    if (names.contains(file.substr(0, slash))) return true;
  }
  return false;
}

// Makes a folder and its parents; `made` has those that were made already.
void make_folders(const Dir& input, const std::string& path, std::unordered_set<std::string>& made) {
  for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (made.insert(path.substr(0, slash)).second) input.make_new(path.substr(0, slash));
  }
  if (made.insert(path).second) input.make_new(path);
}

}  // namespace

std::optional<std::vector<InputFile>> Store::overlay_repository_input(Staging& staging, std::string_view repository_id,
                                                                      std::vector<InputFile> own) const {
  const auto repository = read_repository(staging.tenant_, repository_id);
  const auto source = root().sub(layout::repository_input(staging.tenant_, repository_id));
  if (!repository || !source) return std::nullopt;
  const Dir& input = staging.input();
  std::unordered_set<std::string> names;
  for (const InputFile& file : own) names.insert(file.name);
  std::unordered_set<std::string> folders;
  std::vector<InputFile> all;
  for (const InputFile& file : repository->input) {
    if (is_shadowed(file.name, names)) continue;
    const auto content = source->open_file(file.name);
    if (!content) throw CorruptFile("input of " + std::string(repository_id) + ": a listed file is missing");
    const auto slash = file.name.rfind('/');
    if (slash != std::string::npos) make_folders(input, file.name.substr(0, slash), folders);
    const auto copy = input.create_file(file.name);
    // The job's own input has a folder of this name, and has precedence.
    if (!copy) continue;
    copy_file(*content, copy->get());
    if (file.modified) set_modified(copy->get(), *file.modified);
    all.push_back(file);
  }
  for (const std::string& folder : repository->empty_folders) {
    if (!is_shadowed(folder, names)) make_folders(input, folder, folders);
  }
  all.insert(all.end(), std::make_move_iterator(own.begin()), std::make_move_iterator(own.end()));
  return all;
}

namespace {

// The files and folders of an input, which has at most 32 levels.
void copy_folder(const Dir& from, const Dir& to) {
  for (const Dir::Entry& entry : from.list()) {
    if (entry.type == DT_DIR) {
      const auto below = from.sub(entry.name);
      const auto made = to.make_new(entry.name);
      if (below && made) copy_folder(*below, *made);
    } else if (const auto content = from.open_file(entry.name)) {
      const auto copy = to.create_file(entry.name);
      if (!copy) continue;
      copy_file(*content, copy->get());
      set_modified(copy->get(), content->modified);
    }
  }
}

}  // namespace

bool Store::copy_job_input(Staging& staging, std::string_view job_id) const {
  const auto source = root().sub(layout::job_input(staging.tenant_, job_id));
  if (!source) return false;
  copy_folder(*source, staging.input());
  // A deletion marks or moves the job before it removes files: then the copy may lack some.
  return has_job(staging.tenant_, job_id) && !is_deleted(staging.tenant_, job_id);
}

}  // namespace vbrain::artifacts
