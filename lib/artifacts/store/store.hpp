#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "artifacts/archive/archive_writer.hpp"
#include "artifacts/files/safe_open.hpp"
#include "artifacts/records/claim.hpp"
#include "artifacts/records/job_file.hpp"
#include "artifacts/records/manifest.hpp"
#include "artifacts/store/job_folder.hpp"
#include "artifacts/store/layout.hpp"
#include "base/result.hpp"
#include "base/time/clock.hpp"

namespace vbrain::artifacts {

// A folder in a tenant's `.staging`, removed with its content unless it was published. Movable, single-threaded.
class Staging {
 public:
  Staging(Staging&&) noexcept = default;
  Staging& operator=(Staging&&) noexcept;
  ~Staging();

  // The folder itself. The content of `input/` becomes the published input.
  const Dir& folder() const { return folder_; }
  // `input/` in it, created by the first call.
  const Dir& input();

 private:
  friend class Store;
  Staging(Tenant tenant, std::shared_ptr<const Dir> parent, std::string name, Dir folder);
  void discard() noexcept;

  Tenant tenant_;
  std::shared_ptr<const Dir> parent_;  // .staging; null once published
  std::string name_;
  Dir folder_;
  std::optional<Dir> input_;
};

enum class PublishError {
  kNoRepository,  // the job's repository does not exist
  kTaken,         // a job with this id exists
};

// The shared volume for the servers. All members may be called from any thread and block on the volume: call them on
// the volume's pool. They throw VolumeError if the volume fails; absence is an empty optional. Files that can't be
// decoded throw CorruptFile.
class Store {
 public:
  // Opens the volume's root folder, which must exist.
  explicit Store(const std::string& root);
  // For tests: as if has_ordered_journal() had said this.
  Store(const std::string& root, bool ordered_journal);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // --- Publishing. The order is: stage → fsync files and folders → rename into place → fsync the folder that holds the
  // new name. After a crash at any moment a job or repository exists completely or not at all; `.staging` may contain
  // incomplete folders. Which fsync protects what: docs/decisions/0026-one-look-up-per-job.md.
  // The file system does the group commit: fsyncs of several threads share one transaction of its journal. (Merging
  // them here, too, was measured and gained nothing.)

  Staging stage(const Tenant& tenant) const;

  // Publishes `file` with the staged input as a new repository and returns its id, which consists of `now` and four
  // digits. Exclusive creation makes ids unique in a tenant. `file.repository_id` is ignored. Throws TooLarge.
  std::string publish_repository(Staging staging, RepositoryFile file, base::TimePoint now) const;

  // The two steps of publish_repository(), for an id that is known before: an id that no repository of the tenant has
  // now, and the publication with exactly file.repository_id. False, with nothing done, if that id is taken.
  std::string choose_repository_id(const Tenant& tenant, base::TimePoint now) const;
  bool publish_repository_as(Staging staging, const RepositoryFile& file) const;

  // Renames a staged folder to `name` in `folder`. False if the name is taken. Neither is durable yet.
  bool place(Staging staging, const Dir& folder, std::string_view name) const;

  // Publishes a job. `staging` holds its own input if file.input_from is kJob, otherwise it is not given. The marker in
  // the repository becomes durable first, the folder last, so every visible job is in its repository's index. A job
  // made with kubectl may have no repository (empty id) and then no marker. The folder of the first attempt is part of
  // the job. Throws TooLarge.
  Result<void, PublishError> publish_job(const JobFile& file) const;
  Result<void, PublishError> publish_job(Staging staging, const JobFile& file) const;

  // Publishes an ended job together with its record, for reading only. Its repository need not exist; if it exists, the
  // job is added to its index.
  Result<void, PublishError> publish_ended_job(const JobFile& file, const nlohmann::json& record) const;

  // Adds the repository's files that the staged input lacks (reflink if possible, else copy) and returns the list of
  // all files: `own` overlaid on the repository's. Nothing if the repository is absent.
  std::optional<std::vector<InputFile>> overlay_repository_input(Staging& staging, std::string_view repository_id,
                                                                 std::vector<InputFile> own) const;

  // Copies the input that another job of the tenant has of its own into the staged input (reflink if possible). False
  // if that job or its input is absent.
  bool copy_job_input(Staging& staging, std::string_view job_id) const;

  // --- Reading.

  std::optional<RepositoryFile> read_repository(const Tenant& tenant, std::string_view repository_id) const;
  bool has_repository(const Tenant& tenant, std::string_view repository_id) const;
  // Like has_repository(), before a job is uploaded for it: the time for which nothing uses it begins anew, so that it
  // is not removed during the upload. A volume that cannot be written does not matter here.
  bool hold_repository(const Tenant& tenant, std::string_view repository_id) const;
  // Also for a job that is marked deleted: see is_deleted.
  std::optional<JobFile> read_job(const Tenant& tenant, std::string_view job_id) const;
  bool has_job(const Tenant& tenant, std::string_view job_id) const;
  // Ids of a repository's jobs, ascending, that pass `wanted` (if given) and have a folder that is not marked deleted.
  // Nothing if the repository is absent.
  std::optional<std::vector<std::string>> jobs_of(const Tenant& tenant, std::string_view repository_id,
                                                  const std::function<bool(std::string_view)>& wanted = {}) const;
  // Ids of all repositories that pass `wanted`, ascending.
  std::vector<std::string> repositories(const Tenant& tenant,
                                        const std::function<bool(std::string_view)>& wanted = {}) const;
  // Writes the input of a repository as a ZIP to `out`, with one file open at a time. The bytes are the same each time.
  // Nothing if absent. Exceptions of `out` pass through.
  std::optional<ArchiveWriter::Added> write_input_zip(const Tenant& tenant, std::string_view repository_id,
                                                      ArchiveWriter::Sink out) const;

  // The job's folder for several steps. Nothing if it does not exist.
  std::optional<JobFolder> open_job(const Tenant& tenant, std::string_view job_id) const;

  // --- The record of a terminal job: {"metadata": {name, uid, creationTimestamp}, "status": {…}}.

  void write_status(const Tenant& tenant, std::string_view job_id, const nlohmann::json& record) const;
  std::optional<nlohmann::json> read_status(const Tenant& tenant, std::string_view job_id) const;

  // --- Attempts. Numbers start at 1. An application may have removed rights from its attempt's folder. They are
  // restored if this process is the owner.

  // Creates the attempt's folder, durable, and logs/ in it; does nothing if it exists. The first one is published with
  // its job; jobs of older versions have none. VolumeError (ENOENT) if the job has no folder.
  void create_attempt(const Tenant& tenant, std::string_view job_id, int number) const;
  // Ascending numbers of the attempts' folders.
  std::vector<int> attempts(const Tenant& tenant, std::string_view job_id) const;
  // Claims for the controller, so that the attempt never starts: see take_claim. Creates a missing folder.
  ClaimResult close_attempt(const Tenant& tenant, std::string_view job_id, int number, base::TimePoint now) const;
  // Nothing if there is no such folder.
  std::optional<AttemptFolder> open_attempt(const Tenant& tenant, std::string_view job_id, int number) const;
  std::optional<Claim> read_claim(const Tenant& tenant, std::string_view job_id, int number) const;
  // Nothing: there is no manifest yet. An error: the manifest is invalid; a short reason.
  std::optional<Result<Manifest, std::string>> read_manifest(const Tenant& tenant, std::string_view job_id,
                                                             int number) const;
  std::optional<OpenFile> open_result(const Tenant& tenant, std::string_view job_id, int number) const;
  std::optional<OpenFile> open_output(const Tenant& tenant, std::string_view job_id, int number) const;
  // Writes the log files of all attempts as a ZIP to `out`, in every state of the job: a growing file is included with
  // its current length. Names are at the root ("stdout.log"); with several attempts they begin with "attempt-<n>-".
  // Unreadable files and files that are not regular are left out. At most kLogFiles files and kLogBytes bytes are
  // included. The entry "left-out-by-server.txt" names what is missing. Before the first attempt the archive is empty;
  // nothing if the job has no folder.
  static constexpr std::size_t kLogFiles = 2'000;
  static constexpr std::uint64_t kLogBytes = 4ULL << 30;
  std::optional<ArchiveWriter::Added> write_logs_zip(const Tenant& tenant, std::string_view job_id,
                                                     ArchiveWriter::Sink out) const;

  // All job ids in a repository's index, ascending: also jobs that are marked deleted, or whose folder does not exist
  // yet or any more. Nothing if the repository is absent.
  std::optional<std::vector<std::string>> index_of(const Tenant& tenant, std::string_view repository_id) const;

  // --- Removal. Durable: the marker or the new name survives a crash.

  // Marks a job as deleted, then removes it from its repository's index (`repository_id` may be empty), so that its
  // lists change too. False if the job has no folder. May be repeated.
  bool mark_deleted(const Tenant& tenant, std::string_view job_id, std::string_view repository_id = {}) const;
  // Marks several jobs; skips those without a folder. Does not change the index.
  void mark_all_deleted(const Tenant& tenant, const std::vector<std::string>& job_ids) const;
  bool is_deleted(const Tenant& tenant, std::string_view job_id) const;
  // Moves folders of jobs to `.trash`, and removes the jobs from the index unless `repository_id` is empty. Returns the
  // names for purge(); absent folders have none.
  std::vector<std::string> trash_jobs(const Tenant& tenant, const std::vector<std::string>& job_ids,
                                      std::string_view repository_id) const;
  // Moves a repository's folder to `.trash` in one step; the folders of its jobs stay.
  struct TrashedRepository {
    std::string name;               // for purge()
    std::vector<std::string> jobs;  // like index_of() after the move: no job can be added later
  };
  std::optional<TrashedRepository> trash_repository(const Tenant& tenant, std::string_view repository_id) const;
  // Moves a repository that no job refers to to `.trash`; returns the name for purge(). Nothing if a job refers to it,
  // if its index has changed since `unused_since` (by the file server's clock), or if there is no such repository. A
  // job that is published at the same time either keeps the repository or gets kNoRepository: its index is removed
  // first, which fails if it has an entry. May be repeated after a crash.
  std::optional<std::string> trash_unused_repository(const Tenant& tenant, std::string_view repository_id,
                                                     base::TimePoint unused_since) const;
  // The inodes of the folders of a tenant's repositories and jobs; nothing where there is none.
  struct TenantFolders {
    std::optional<ino_t> repositories = {};
    std::optional<ino_t> jobs = {};
  };
  TenantFolders tenant_folders(const Tenant& tenant) const;
  // Moves all repositories and jobs of a tenant, and what is being uploaded, to `.trash`; returns the names for
  // purge(). Folders that are not the `expected` ones stay, and so does what is left when `may_go_on` says no. May be
  // repeated, also after a crash.
  std::vector<std::string> trash_tenant(const Tenant& tenant, const TenantFolders& expected,
                                        const std::function<bool()>& may_go_on) const;
  // Removes the tenant's folder if nothing is left in it.
  void remove_empty_tenant(const Tenant& tenant) const;
  // Removes folders that were moved to `.trash`. The time depends on their size. If `stop` is requested, or if
  // something can't be removed (then VolumeError names it), sweep_rubbish() tries again.
  void purge(const Tenant& tenant, std::string_view trash_name, std::stop_token stop = {}) const;
  // Moves the job's folder to `.trash`, removes its marker, and purges it. True if there was a folder. May be repeated.
  // `repository_id` may be empty. After the move the job counts as removed: files that can't be removed are logged, and
  // sweep_rubbish() tries again.
  bool remove_job(const Tenant& tenant, std::string_view job_id, std::string_view repository_id,
                  std::stop_token stop = {}) const;
  // Removes the job's own input. For a job that is marked deleted, whose first attempt is closed, and whose folder must
  // stay for now.
  void remove_input(const Tenant& tenant, std::string_view job_id) const;

  // --- The runner for the pods.

  // Copies the folder `source` (runner, lib/) to bin/<version>, all or nothing. A folder with other content is
  // replaced; one with the same content is left alone. The volume's group may read and execute it.
  void install_runner(const std::string& source, std::string_view version) const;

  // Checks by a durable write whether the volume answers, for a readiness probe. A full or read-only volume answers:
  // reads and removals work, and each write reports the problem. Returns the current time of the file server's clock,
  // which must be used for ages of files; nothing if no file can be created. Throws VolumeError.
  std::optional<base::TimePoint> probe() const;

  const Dir& root() const { return root_; }
  // Whether an fsync of a new file covers all names, and symbolic links, that were made before it.
  bool ordered_journal() const { return ordered_journal_; }

 private:
  // The first step of publishing a repository, and all others; see publish_repository_as().
  void stage_repository(Staging& staging, const RepositoryFile& file) const;
  bool rename_repository(Staging& staging, const RepositoryFile& file, const Dir& repositories) const;
  AttemptFolder make_attempt(const Tenant& tenant, std::string_view job_id, int number) const;
  // `attempts` is the folder of that name in the staged folder, if the job gets one.
  Result<void, PublishError> publish(Staging staging, const JobFile& file, bool indexed,
                                     const std::optional<Dir>& attempts) const;
  void unindex(const Tenant& tenant, const std::vector<std::string>& job_ids, std::string_view repository_id) const;

  Dir root_;
  // An fsync of a new file covers the names that were made before it.
  const bool ordered_journal_;
};

// The text of a status.json.
std::string encode_record(const nlohmann::json& record);

// A file of the servers that can't be decoded; what() names the file below the root and the reason.
class CorruptFile : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// The content to publish exceeds the limits of its readers. Nothing of it is visible; what() is fit for an answer.
class TooLarge : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace vbrain::artifacts
