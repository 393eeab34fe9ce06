#include "runner/run.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "artifacts/archive/left_out.hpp"
#include "artifacts/archive/utf8.hpp"
#include "artifacts/records/claim.hpp"
#include "artifacts/records/manifest.hpp"
#include "artifacts/store/layout.hpp"
#include "base/failpoint.hpp"
#include "base/time/clock.hpp"
#include "runner/attempt_folder.hpp"
#include "runner/job_json.hpp"
#include "runner/logs/live_logs.hpp"
#include "runner/logs/log_copy.hpp"
#include "runner/logs/log_names.hpp"
#include "runner/logs/seal_logs.hpp"
#include "runner/logs/tail.hpp"
#include "runner/places.hpp"
#include "runner/process/child.hpp"
#include "runner/process/landlock.hpp"
#include "runner/process/memory.hpp"
#include "runner/process/processes.hpp"
#include "runner/process/program.hpp"
#include "runner/seal/seal.hpp"

namespace vbrain::runner {
namespace {

using artifacts::Claim;
using artifacts::Dir;
using artifacts::Fd;
using artifacts::LeftOut;
using artifacts::Manifest;
using artifacts::Outcome;
using Kind = Outcome::Kind;

namespace layout = artifacts::layout;

constexpr std::chrono::seconds kKillPatience{30};
// Of stderr, for the message of an application that failed. Escape sequences and progress bars take a part of it.
constexpr std::size_t kErrorTail = 8U << 10;

// Why an attempt ends before its application is started.
struct Failure {
  Kind kind;
  int exit_code;
  std::string message;
};

std::string error_text(int error) {
  return std::generic_category().message(error);
}

// Writes the termination message. The kubelet reads the file when the container ends, so a later call replaces it.
void report(const Settings& settings, const Outcome& outcome) {
  const Fd fd(open(settings.termination_log().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd) return;
  const std::string text = encode_outcome(outcome);
  static_cast<void>(!write(fd.get(), text.data(), text.size()));
}

// Accessible for every user, because the application may change its user.
void make_open_folder(const Dir& folder, const char* name, mode_t mode = 0777) {
  folder.make_new(name);
  fchmod(folder.at(name).fd(), mode);
}

// A line for `kubectl logs`.
void say(const std::string& message) {
  const std::string line = "vbrain: " + artifacts::printable(message, 1'000) + "\n";
  static_cast<void>(!write(STDERR_FILENO, line.data(), line.size()));
}

class Attempt {
 public:
  explicit Attempt(const Settings& settings) : settings_(settings) {}

  int run() {
    try {
      // 1. The claim, durable. A runner that does not get it starts nothing and changes nothing.
      base::failpoint("runner.before-claim");
      claim();
      base::failpoint("runner.claimed");
      // 2. The files that the application reads, and the folders that it writes to.
      prepare_work();
      // 3. The application.
      start();
    } catch (const Failure& failure) {
      return give_up(failure);
    } catch (const artifacts::VolumeError& error) {
      return give_up({Kind::kExecFailed, kOwnFailure, error.what()});
    }
    base::failpoint("runner.started");
    // 4. Until the application ends, its output goes to the volume and to our own streams, and signals go to it.
    const int status = processes_.wait_for(child_.pid);
    note_end(status);
    // 5. No process is left that could change what is sealed next.
    processes_.kill_rest(kKillPatience);
    // 6. From here on only the volume can delay the runner. If it does so until the kubelet kills the runner, this
    //    message says how the application ended.
    report_provisionally();
    // 7. All files, then the manifest, which says that they are complete, then the report.
    base::failpoint("runner.before-seal");
    seal();
    base::failpoint("runner.sealed");
    report(settings_, manifest_.outcome);
    return manifest_.outcome.exit_code;
  }

 private:
  Outcome& outcome() { return manifest_.outcome; }

  int give_up(const Failure& failure) {
    outcome().kind = failure.kind;
    outcome().exit_code = failure.exit_code;
    outcome().message = failure.message;
    manifest_.pod_uid = settings_.pod_uid;
    manifest_.start_time = manifest_.completion_time = base::SystemClock().now();
    if (claimed_) write_manifest();
    report(settings_, outcome());
    say(failure.message);
    return failure.exit_code;
  }

  void claim() {
    attempt_ = std::make_unique<AttemptFolder>(settings_.attempt());
    const auto result =
        attempt_->claim({.by = Claim::By::kRunner, .pod_uid = settings_.pod_uid, .time = base::SystemClock().now()});
    claimed_ = result.won;
    if (claimed_) return;
    const bool closed = result.owner.by == Claim::By::kController;
    throw Failure{Kind::kClaimLost, kClaimLost,
                  closed ? "the attempt was closed" : "the attempt was claimed by pod " + result.owner.pod_uid};
  }

  void prepare_work() {
    work_ = std::make_unique<Dir>(Dir::open(settings_.work()));
    attempt_->make_logs();
    make_open_folder(*work_, "output");
    make_open_folder(*work_, "logs");
    // The kubelet mounts this file, so the path is trusted.
    const Fd fd(open(settings_.job_file().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!fd) throw artifacts::VolumeError(errno, "open job.json");
    auto ids = unfold_job_json(fd.get(), *work_);
    if (!ids) throw Failure{Kind::kExecFailed, kOwnFailure, "job.json: " + ids.error()};
    if (settings_.attempt_number != 0 && ids->job_id.empty()) {
      throw Failure{Kind::kExecFailed, kOwnFailure, "job.json: job_id is missing"};
    }
    ids_ = std::move(*ids);
  }

  void start() {
    Fd out = attempt_->new_log(kStdoutLog);
    Fd err = attempt_->new_log(kStderrLog);
    const bool fenced = !restricts_more(settings_.attempt());
    const Fd ruleset = fenced ? make_ruleset_without(settings_.attempt()) : Fd();
    const mode_t inherited = umask(0007);
    export_contract(settings_, ids_);
    std::vector<std::string> command = settings_.command;
    enter_places(command[0]);
    oom_kills_before_ = count_oom_kills(settings_.cgroup);
    manifest_.pod_uid = settings_.pod_uid;
    manifest_.start_time = base::SystemClock().now();
    started_ = std::chrono::steady_clock::now();
    if (auto fault = find_start_fault(command[0])) {
      throw Failure{Kind::kExecFailed, kExecFailed, std::move(*fault)};
    }
    auto child = start_child({.command = command, .umask = inherited, .ruleset = ruleset.get()});
    if (!child) {
      throw Failure{Kind::kExecFailed, kExecFailed, explain_start_failure(command[0], child.error())};
    }
    child_.pid = child->pid;
    const auto options = [&](int console) {
      return LogCopy::Options{.limit_bytes = settings_.log_limit_bytes,
                              .console = console,
                              .tail_bytes = console == STDERR_FILENO ? kErrorTail : 0};
    };
    out_ = std::make_unique<LogCopy>(std::move(child->out), std::move(out), options(STDOUT_FILENO));
    err_ = std::make_unique<LogCopy>(std::move(child->err), std::move(err), options(STDERR_FILENO));
    live_ = std::make_unique<LiveLogs>(*work_, attempt_->logs(), settings_.log_limit_bytes);
  }

  // Sets HOME, TMPDIR and the working folder. A command that is relative to the working folder before stays so.
  void enter_places(std::string& command) {
    const GivenPlaces given = find_places(settings_.command);
    const Places places = choose_places(given, settings_.work(), is_usable_folder);
    if (places.home == settings_.work() + "/home" || places.cwd != given.places.cwd) make_open_folder(*work_, "home");
    if (places.tmpdir == settings_.work() + "/tmp") make_open_folder(*work_, "tmp", 01777);
    setenv("HOME", places.home.c_str(), 1);
    setenv("TMPDIR", places.tmpdir.c_str(), 1);
    if (places.cwd == given.places.cwd || chdir(places.cwd.c_str()) != 0) return;
    if (!command.starts_with('/') && command.find('/') != command.npos) command.insert(0, "/");
  }

  void note_end(int status) {
    manifest_.completion_time = base::SystemClock().now();
    const auto took = std::chrono::steady_clock::now() - started_;
    outcome().duration_ms =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
    if (WIFSIGNALED(status)) {
      outcome().kind = Kind::kSignal;
      outcome().signal = WTERMSIG(status);
      outcome().exit_code = 128 + outcome().signal;
    } else {
      outcome().exit_code = WEXITSTATUS(status);
      outcome().kind = outcome().exit_code == 0 ? Kind::kOk : Kind::kExit;
    }
    if (count_oom_kills(settings_.cgroup) == oom_kills_before_) return;
    if (outcome().kind == Kind::kOk) {
      outcome().message = "a child process was killed for lack of memory; the output may be incomplete";
      say(outcome().message);
    } else {
      // Also if the kernel killed another process of the application and the main one ended because of it.
      outcome().kind = Kind::kOom;
    }
  }

  void report_provisionally() {
    Outcome so_far = outcome();
    if (so_far.kind == Kind::kOk) {
      so_far.kind = Kind::kSealFailed;
      so_far.exit_code = kSealFailed;
      so_far.message = "stopped while the outputs were being sealed";
    }
    report(settings_, so_far);
  }

  void fail_seal(const std::string& message) {
    // If the application failed, its own failure is what the user has to know.
    if (outcome().kind != Kind::kOk) return;
    outcome().kind = Kind::kSealFailed;
    outcome().exit_code = kSealFailed;
    outcome().message = message;
  }

  void seal() {
    seal_all_logs();
    try {
      if (outcome().kind == Kind::kOk) seal_outputs();
    } catch (const artifacts::VolumeError& error) {
      fail_seal(error.what());
    }
    // All children are reaped, so these are the memory of the largest process and the time of all.
    rusage usage{};
    getrusage(RUSAGE_CHILDREN, &usage);
    manifest_.max_rss_bytes = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
    const auto milliseconds = [](const timeval& time) {
      return static_cast<std::uint64_t>(time.tv_sec) * 1000 + static_cast<std::uint64_t>(time.tv_usec) / 1000;
    };
    manifest_.cpu_ms = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
    write_manifest();
  }

  // First makes the names of the other files durable. The manifest is the last file of the attempt.
  void write_manifest() {
    try {
      attempt_->dir().sync();
      base::failpoint("runner.before-manifest");
      attempt_->dir().write_file_durably(layout::kManifest, encode_manifest(manifest_));
    } catch (const artifacts::VolumeError& error) {
      fail_seal(error.what());
    }
  }

  // Throws nothing: no problem with logs fails a job. What is missing is named in a file of the logs and on stderr.
  void seal_all_logs() {
    LeftOut left_out("The runner");
    const LogCopy::End out = out_->finish();
    const LogCopy::End err = err_->finish();
    add_error_lines(err.tail);
    note_gaps(kStdoutLog, out, left_out);
    note_gaps(kStderrLog, err, left_out);
    attempt_->restore(live_->finish(), left_out);
    outcome().log_bytes = out.bytes + err.bytes;
    outcome().log_bytes += seal_logs(*work_, attempt_->logs(), settings_.log_limit_bytes, left_out);
    try {
      if (!left_out.empty()) attempt_->logs().write_file_durably(kLeftOutFile, left_out.text());
      attempt_->logs().sync();
    } catch (const artifacts::VolumeError& error) {
      left_out.add(kLeftOutFile, error.code().message());
    }
    if (!left_out.empty()) say("the logs are not complete: " + left_out.first());
  }

  // What the application said last, if it failed. The whole report must fit its limit, and the end of the lines counts
  // most, so fewer lines are tried before the message would be cut.
  void add_error_lines(std::string_view tail) {
    if (outcome().kind == Kind::kOk) return;
    for (std::size_t limit = artifacts::kOutcomeLimit; limit >= 64; limit -= 32) {
      const std::string lines = clean_tail(tail, limit);
      if (lines.empty()) return;
      outcome().message = "stderr ends with: " + lines;
      // The numbers that are not known yet need some bytes more.
      if (encode_outcome(outcome(), SIZE_MAX).size() + 64 <= artifacts::kOutcomeLimit) return;
    }
  }

  static void note_gaps(const char* name, const LogCopy::End& end, LeftOut& left_out) {
    if (end.lost > 0) {
      left_out.add(name, std::to_string(end.lost) + " bytes could not be written: " + error_text(end.error));
    } else if (end.error != 0) {
      left_out.add(name, "it may lack its last bytes: " + error_text(end.error));
    }
  }

  // Null: the result is not checked.
  std::shared_ptr<const schema::Schema> find_result_schema() const {
    if (ids_.result_schema.empty()) return nullptr;
    auto schema = schema::Schema::compile(ids_.result_schema);
    if (schema) return std::move(*schema);
    // The servers take only schemas that can be used, unless they are of another version than this runner.
    say("the result is not checked, because resultSchema can't be used: " + schema.error());
    return nullptr;
  }

  void seal_outputs() {
    const auto schema = find_result_schema();
    const auto result = seal_result(*work_, attempt_->dir(), schema.get());
    if (!result) {
      outcome().kind = Kind::kInvalidResult;
      outcome().exit_code = kInvalidResult;
      outcome().message = result.error();
      return;
    }
    outcome().result_bytes = *result;
    auto output = seal_output(*work_, attempt_->dir(), settings_.output_limit_bytes);
    if (!output) return fail_seal(output.error());
    outcome().output_bytes = output->archive_bytes;
    outcome().output_sha256 = output->archive_sha256;
    manifest_.files = std::move(output->files);
    manifest_.files_total = output->files_total;
    note_left_out(output->left_out);
  }

  // An output that is not complete does not fail a job. Its missing files are named in a file of the logs, on stderr,
  // and the first one in the report.
  void note_left_out(const LeftOut& left_out) {
    if (left_out.empty()) return;
    std::string sentence = "left out of the output: " + left_out.first();
    if (left_out.total() > 1) sentence += ", and " + std::to_string(left_out.total() - 1) + " more";
    outcome().message += (outcome().message.empty() ? "" : "; ") + sentence;
    try {
      attempt_->logs().write_file_durably(kOutputLeftOutFile, left_out.text());
      say(sentence + "; the logs have the list in " + kOutputLeftOutFile);
    } catch (const artifacts::VolumeError& error) {
      say(sentence + "; the list could not be written: " + error.what());
    }
  }

  const Settings& settings_;
  Processes processes_;
  std::unique_ptr<AttemptFolder> attempt_;
  std::unique_ptr<Dir> work_;
  JobIds ids_;
  Child child_;
  std::unique_ptr<LogCopy> out_;
  std::unique_ptr<LogCopy> err_;
  std::unique_ptr<LiveLogs> live_;
  bool claimed_ = false;
  std::uint64_t oom_kills_before_ = 0;
  std::chrono::steady_clock::time_point started_;
  Manifest manifest_;
};

}  // namespace

int run(const Settings& settings) {
  export_attempt_number(settings);
  return Attempt(settings).run();
}

}  // namespace vbrain::runner
