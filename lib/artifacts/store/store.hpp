#pragma once

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
#include "artifacts/records/claim.hpp"
#include "artifacts/records/job_file.hpp"
#include "artifacts/records/manifest.hpp"
#include "artifacts/store/layout.hpp"
#include "artifacts/store/safe_open.hpp"
#include "base/clock.hpp"
#include "base/result.hpp"

namespace vbrain::artifacts {

// A folder in a tenant's `.staging`, removed with all in it unless it was published. Movable, for one thread.
class Staging {
 public:
  Staging(Staging&&) noexcept = default;
  Staging& operator=(Staging&&) noexcept;
  ~Staging();

  // The folder itself. What is put in `input/` becomes the input of what is published.
  const Dir& folder() const { return folder_; }
  // `input/` in it, made at the first call.
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
  kNoRepository,  // the job's repository does not exist (any more)
  kTaken,         // a job with this id exists
};

// The shared volume as its servers see it. All members may be called from any thread and block on the volume: call
// them on the volume's pool. They throw VolumeError when the volume fails; absence is an empty optional. Files that
// can't be decoded throw CorruptFile.
class Store {
 public:
  // Opens the volume's root folder, which must exist.
  explicit Store(const std::string& root);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // --- Publishing. Order: stage → fsync files and folders → rename into place → fsync both parents. After a crash at
  // any moment a job or repository is there as a whole or not at all; `.staging` may hold rubbish. Group commit is the
  // file system's: fsyncs of several threads end in one transaction of its journal (merging them here as well was
  // measured and gained nothing).

  Staging stage(const Tenant& tenant) const;

  // Publishes `file` with the staged input as a new repository and returns its id, chosen here from `now` and four
  // digits: ids of a tenant are unique by exclusive creation. `file.repository_id` is ignored. Throws TooLarge.
  std::string publish_repository(Staging staging, RepositoryFile file, base::TimePoint now) const;

  // Publishes a job; `staging` holds its own input if file.input_from is kJob, else it is not given. The marker in the
  // repository becomes durable first, the folder last: every visible job is in its repository's index. A job made by
  // hand may have no repository (empty id), then there is no marker. Throws TooLarge.
  Result<void, PublishError> publish_job(const JobFile& file) const;
  Result<void, PublishError> publish_job(Staging staging, const JobFile& file) const;

  // Publishes a job that has ended together with its record, only to be read. It need not have a repository of its id;
  // if it has one it is in the index.
  Result<void, PublishError> publish_ended_job(const JobFile& file, const nlohmann::json& record) const;

  // Adds to the staged input what the repository has and it lacks (reflink where possible, else copy) and returns the
  // list of all files: `own` overlaid on the repository's. Nothing if the repository is absent.
  std::optional<std::vector<InputFile>> overlay_repository_input(Staging& staging, std::string_view repository_id,
                                                                 std::vector<InputFile> own) const;

  // --- Reading.

  std::optional<RepositoryFile> read_repository(const Tenant& tenant, std::string_view repository_id) const;
  bool has_repository(const Tenant& tenant, std::string_view repository_id) const;
  // Also for a job marked deleted: see is_deleted.
  std::optional<JobFile> read_job(const Tenant& tenant, std::string_view job_id) const;
  bool has_job(const Tenant& tenant, std::string_view job_id) const;
  // Ids of a repository's jobs, ascending, for which `wanted` (if any) is true and a folder not marked deleted exists.
  // Nothing if the repository is absent.
  std::optional<std::vector<std::string>> jobs_of(const Tenant& tenant, std::string_view repository_id,
                                                  const std::function<bool(std::string_view)>& wanted = {}) const;
  // Ids of all repositories, ascending, for which `wanted` is true.
  std::vector<std::string> repositories(const Tenant& tenant,
                                        const std::function<bool(std::string_view)>& wanted = {}) const;
  // The input of a repository as a ZIP, given to `out`, one file open at a time: the same bytes each time. Nothing if
  // absent. What `out` throws passes.
  std::optional<ArchiveWriter::Added> write_input_zip(const Tenant& tenant, std::string_view repository_id,
                                                      ArchiveWriter::Sink out) const;

  // --- The record of a terminal job: {"metadata": {name, uid, creationTimestamp}, "status": {…}}.

  void write_status(const Tenant& tenant, std::string_view job_id, const nlohmann::json& record) const;
  std::optional<nlohmann::json> read_status(const Tenant& tenant, std::string_view job_id) const;

  // --- Attempts. Numbers from 1. An application may have taken the rights from its attempt's folder: they are restored
  // where this process is the owner.

  // Makes the attempt's folder, durable, and logs/ in it; does nothing if it exists. VolumeError (ENOENT) if the job
  // has no folder.
  void create_attempt(const Tenant& tenant, std::string_view job_id, int number) const;
  // Ascending numbers of the attempts' folders.
  std::vector<int> attempts(const Tenant& tenant, std::string_view job_id) const;
  // Claims for the controller, so that the attempt never starts: see take_claim. Makes the folder if it lacks.
  ClaimResult close_attempt(const Tenant& tenant, std::string_view job_id, int number, base::TimePoint now) const;
  std::optional<Claim> read_claim(const Tenant& tenant, std::string_view job_id, int number) const;
  // Nothing: no manifest yet. An error: a manifest that is none, a short reason.
  std::optional<Result<Manifest, std::string>> read_manifest(const Tenant& tenant, std::string_view job_id,
                                                             int number) const;
  std::optional<OpenFile> open_result(const Tenant& tenant, std::string_view job_id, int number) const;
  std::optional<OpenFile> open_output(const Tenant& tenant, std::string_view job_id, int number) const;
  // The log files of all attempts as a ZIP, given to `out`, at any moment: a file that grows is taken as long as it is
  // when its turn comes. Names at the root ("stdout.log"), with "attempt-<n>-" in front only if there are several
  // attempts. What may not be read and what is no regular file is left out, and at most kLogFiles files and kLogBytes
  // bytes are taken; an entry "left-out-by-server.txt" names what is missing. An archive without entries if nothing ran
  // yet; nothing if the job has no folder.
  static constexpr std::size_t kLogFiles = 2'000;
  static constexpr std::uint64_t kLogBytes = 4ULL << 30;
  std::optional<ArchiveWriter::Added> write_logs_zip(const Tenant& tenant, std::string_view job_id,
                                                     ArchiveWriter::Sink out) const;

  // All that a repository's index names: also jobs that are marked deleted, or whose folder is not there yet or any
  // more. Ascending. Nothing if the repository is absent.
  std::optional<std::vector<std::string>> index_of(const Tenant& tenant, std::string_view repository_id) const;

  // --- Removal. Durable: the marker or the new place survives a crash.

  // Marks a job as deleted, then takes it out of its repository's index (`repository_id` may be empty), so that lists
  // of it change too. False if the job has no folder. Repeatable.
  bool mark_deleted(const Tenant& tenant, std::string_view job_id, std::string_view repository_id = {}) const;
  // Marks several; those without folder are passed over. The index stays.
  void mark_all_deleted(const Tenant& tenant, const std::vector<std::string>& job_ids) const;
  bool is_deleted(const Tenant& tenant, std::string_view job_id) const;
  // Moves folders of jobs to `.trash`, and takes them out of the index unless `repository_id` is empty. The names that
  // purge() wants; absent folders have none.
  std::vector<std::string> trash_jobs(const Tenant& tenant, const std::vector<std::string>& job_ids,
                                      std::string_view repository_id) const;
  // Moves a repository's folder to `.trash` in one step; its jobs' folders stay where they are.
  struct TrashedRepository {
    std::string name;               // for purge()
    std::vector<std::string> jobs;  // as index_of() after the move: no job can come in later
  };
  std::optional<TrashedRepository> trash_repository(const Tenant& tenant, std::string_view repository_id) const;
  // Removes what was moved to `.trash`. Takes as long as there is to remove. What it leaves, since `stop` is requested
  // or since it cannot be removed (then VolumeError names it), sweep_rubbish() tries again.
  void purge(const Tenant& tenant, std::string_view trash_name, std::stop_token stop = {}) const;
  // Moves the job's folder to `.trash`, removes its marker, and purges. True if there was a folder. Repeatable.
  // `repository_id` may be empty. After the move the job is removed: files that cannot be removed are logged and left
  // to sweep_rubbish().
  bool remove_job(const Tenant& tenant, std::string_view job_id, std::string_view repository_id,
                  std::stop_token stop = {}) const;
  // Removes the own input of a job that is marked deleted, has no attempt, and whose folder has to stay for now.
  void remove_input(const Tenant& tenant, std::string_view job_id) const;

  // --- The runner for the pods.

  // Copies the folder `source` (runner, lib/) to bin/<version>, all or nothing; a folder with other content is
  // replaced, one with the same is left alone. Readable and executable by the volume's group.
  void install_runner(const std::string& source, std::string_view version) const;

  // Whether the volume answers, tried with a durable write, for a readiness probe. A full or read-only one does: what
  // is there can be read and removed, and each write is told what is wrong. Answers what time it is by the file
  // server's clock, the one that ages of files are to be held against; nothing where no file can be made. Throws
  // VolumeError.
  std::optional<base::TimePoint> probe() const;

  const Dir& root() const { return root_; }

 private:
  std::optional<Dir> open_attempt(const Tenant& tenant, std::string_view job_id, int number) const;
  Result<void, PublishError> publish(Staging staging, const JobFile& file, bool indexed) const;
  void unindex(const Tenant& tenant, const std::vector<std::string>& job_ids, std::string_view repository_id) const;

  Dir root_;
};

// The text of a status.json.
std::string encode_record(const nlohmann::json& record);

// A file of ours that can't be decoded; what() names the file below the root and the reason.
class CorruptFile : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What was to be published is more than its readers would take. Nothing of it is visible; what() is fit for an answer.
class TooLarge : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace vbrain::artifacts
