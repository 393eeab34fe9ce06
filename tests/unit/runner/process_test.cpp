// Tests of the built program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <nlohmann/json.hpp>

#include "artifacts/archive/archive_reader.hpp"
#include "artifacts/records/claim.hpp"
#include "artifacts/records/manifest.hpp"
#include "base/text/digest.hpp"
#include "runner/settings.hpp"
#include "unit/runner/sandbox.hpp"

namespace vbrain::runner {
namespace {

namespace fs = std::filesystem;
using artifacts::Manifest;
using artifacts::Outcome;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using vbrain::testing::build_folder;
using vbrain::testing::eventually;
using vbrain::testing::read_file;
using vbrain::testing::Sandbox;
using vbrain::testing::text_so_far;
using vbrain::testing::write_file;
using Kind = Outcome::Kind;

std::vector<std::string> names_in_zip(const std::string& path) {
  const artifacts::Fd fd(open(path.c_str(), O_RDONLY));
  const auto listing = artifacts::inspect(fd.get());
  if (!listing) return {listing.error().reason};
  std::vector<std::string> names;
  for (const auto& entry : listing->entries) names.push_back(entry.name);
  return names;
}

Manifest manifest_of(const Sandbox& box) {
  const auto manifest = artifacts::decode_manifest(read_file(box.attempt("manifest.json")));
  if (!manifest) throw std::runtime_error(manifest.error());
  return *manifest;
}

bool can_unshare() {
  return geteuid() == 0 && std::system("unshare -pf --mount-proc true 2>/dev/null") == 0;
}

TEST(Runner, SealsWhatAnApplicationLeaves) {
  const Sandbox box;
  const int code = box.run_shell(R"(
    set -e
    echo "to stdout"
    echo "to stderr" >&2
    echo '{"product": 200.0}' > "$VBRAIN_RESULT_FILE"
    mkdir "$VBRAIN_OUTPUT_DIR/d"
    echo hello > "$VBRAIN_OUTPUT_DIR/d/a \"b\" ção.txt"
    echo one > "$VBRAIN_OUTPUT_DIR/1"
    echo solver > "$VBRAIN_LOG_DIR/solver.log"
    echo mine > "$VBRAIN_LOG_DIR/stdout.log"
  )");
  ASSERT_EQ(code, 0) << read_file(box.temp / "stderr");
  EXPECT_EQ(read_file(box.attempt("logs/stdout.log")), "to stdout\n");
  EXPECT_EQ(read_file(box.attempt("logs/stderr.log")), "to stderr\n");
  EXPECT_EQ(read_file(box.attempt("logs/solver.log")), "solver\n");
  EXPECT_EQ(read_file(box.attempt("logs/stdout.log.1")), "mine\n");
  EXPECT_EQ(read_file(box.temp / "stdout"), "to stdout\n") << "kubectl logs works";
  EXPECT_EQ(read_file(box.temp / "stderr"), "to stderr\n");
  EXPECT_EQ(read_file(box.attempt("result.json")), "{\"product\": 200.0}\n");
  EXPECT_THAT(names_in_zip(box.attempt("output.zip")), ElementsAre("1", "d/a \"b\" ção.txt"));

  const Outcome outcome = box.reported();
  EXPECT_EQ(outcome.kind, Kind::kOk);
  const std::string zip = read_file(box.attempt("output.zip"));
  EXPECT_EQ(outcome.output_bytes, zip.size());
  EXPECT_EQ(outcome.output_sha256, base::sha256_hex(zip));
  EXPECT_EQ(outcome.log_bytes, 10U + 10U + 7U + 5U);
  EXPECT_EQ(outcome.result_bytes, 19U);

  const Manifest manifest = manifest_of(box);
  EXPECT_EQ(manifest.outcome, outcome);
  EXPECT_EQ(manifest.pod_uid, "pod-1");
  EXPECT_EQ(manifest.files_total, 2U);
  EXPECT_EQ(manifest.files[0].sha256, base::sha256_hex("one\n"));
  EXPECT_GT(manifest.max_rss_bytes, 0U);
  EXPECT_LE(manifest.start_time, manifest.completion_time);
  EXPECT_EQ(artifacts::read_claim(artifacts::Dir::open(box.attempt("")))->pod_uid, "pod-1");
  for (const auto& entry : fs::recursive_directory_iterator(box.attempt(""))) {
    EXPECT_THAT(entry.path().filename().string(), ::testing::Not(StartsWith(".vbrain-")));
    EXPECT_EQ(vbrain::testing::mode_of(entry.path()), entry.is_directory() ? 02770U : 0660U) << entry.path();
  }
}

TEST(Runner, GivesTheApplicationItsContract) {
  const Sandbox box;
  const int code = box.run({"/bin/sh", "-c", R"(
    cat "$VBRAIN_PARAMS_FILE" "$VBRAIN_METADATA_FILE"
    echo " $VBRAIN_INPUT_DIR $1 $VBRAIN_JOB_ID"
    umask
    ls /proc/self/fd | wc -l
  )",
                            "sh", "$(x) {{y}}"},
                           {{"VBRAIN_JOB_ID", "job-1"}, {"VBRAIN_INPUT_DIR", "/elsewhere"}});
  ASSERT_EQ(code, 0);
  EXPECT_EQ(read_file(box.attempt("logs/stdout.log")),
            R"({"a":10,"exact":20.50}{"name":"x"} )" + box.temp.path() + "/vbrain/input $(x) {{y}} job-1\n0022\n4\n")
      << "parameters to the byte, the usual umask, no descriptors of ours";
  EXPECT_EQ(vbrain::testing::mode_of(box.work("params.json")), 0444U);
}

struct EndCase {
  const char* what;
  std::vector<std::string> command;
  int want_code;
  Kind want_kind;
  std::string want_message;
};

TEST(Runner, ReportsEveryEnd) {
  const auto sh = [](const std::string& script) { return std::vector<std::string>{"/bin/sh", "-c", script}; };
  const std::vector<EndCase> cases = {
      {"nothing left", {"true"}, 0, Kind::kOk, ""},
      {"exit code", sh("exit 3"), 3, Kind::kExit, ""},
      {"one of our own codes", sh("exit 122"), 122, Kind::kExit, ""},
      {"killed", sh("kill -9 $$"), 137, Kind::kSignal, ""},
      {"terminated", sh("kill -TERM $$"), 143, Kind::kSignal, ""},
      {"not found", {"no-such-command"}, 123, Kind::kExecFailed, "command not found: no-such-command"},
      {"not found by path", {"/no/such"}, 123, Kind::kExecFailed, "command not found: /no/such"},
      {"not executable", {"/etc/passwd"}, 123, Kind::kExecFailed, "/etc/passwd is not executable; chmod +x it"},
      {"a folder", {"/etc"}, 123, Kind::kExecFailed, "/etc is a folder"},
      {"result is no JSON", sh("echo '{' > $VBRAIN_RESULT_FILE"), 124, Kind::kInvalidResult, "it is not JSON"},
      {"result is empty", sh(": > $VBRAIN_RESULT_FILE"), 124, Kind::kInvalidResult, "it is empty"},
      {"result is nested too deep", sh("printf '%065d' 0 | tr 0 '[' > $VBRAIN_RESULT_FILE"), 124, Kind::kInvalidResult,
       "nested deeper than 64"},
      {"result is NaN", sh("echo NaN > $VBRAIN_RESULT_FILE"), 124, Kind::kInvalidResult, "it is not JSON"},
      {"result is large", sh("truncate -s 17M $VBRAIN_RESULT_FILE"), 124, Kind::kInvalidResult, "16 MiB"},
      {"result is a link", sh("ln -s /etc/passwd $VBRAIN_RESULT_FILE"), 124, Kind::kInvalidResult, "regular file"},
      {"result is a FIFO", sh("mkfifo $VBRAIN_RESULT_FILE"), 124, Kind::kInvalidResult, "regular file"},
      {"output folder is a link", sh("rmdir $VBRAIN_OUTPUT_DIR; ln -s /etc $VBRAIN_OUTPUT_DIR"), 122, Kind::kSealFailed,
       "something else"},
      {"no output folder", sh("rmdir $VBRAIN_OUTPUT_DIR $VBRAIN_LOG_DIR"), 0, Kind::kOk, ""},
      {"failed, whatever its result", sh("echo '{' > $VBRAIN_RESULT_FILE; exit 4"), 4, Kind::kExit, ""},
  };
  for (const EndCase& c : cases) {
    const Sandbox box;
    EXPECT_EQ(box.run(c.command), c.want_code) << c.what;
    const Outcome outcome = box.reported();
    EXPECT_EQ(outcome.kind, c.want_kind) << c.what << ": " << artifacts::to_string(outcome.kind);
    EXPECT_EQ(outcome.exit_code, c.want_code) << c.what;
    EXPECT_THAT(outcome.message, HasSubstr(c.want_message)) << c.what;
    EXPECT_EQ(manifest_of(box).outcome, outcome) << c.what;
    EXPECT_EQ(box.sealed("output.zip"), c.want_kind == Kind::kOk) << c.what;
    EXPECT_TRUE(box.sealed("logs/stdout.log")) << c.what << ": a failed job has its logs";
    if (c.want_kind == Kind::kOk) {
      EXPECT_EQ(read_file(box.attempt("result.json")), "null") << c.what;
    }
  }
}

TEST(Runner, WithoutTheClaimNothingIsStarted) {
  for (const std::string claim : {R"({"format":1,"by":"controller","podUid":"","time":"2026-01-02T03:04:05Z"})",
                                  R"({"format":1,"by":"runner",)"
                                  R"("podUid":"pod-0","time":"2026-01-02T03:04:05Z"})",
                                  ""}) {
    const Sandbox box;
    write_file(box.attempt("claim"), claim);
    EXPECT_EQ(box.run({"touch", box.temp / "started"}), kClaimLost);
    EXPECT_FALSE(fs::exists(box.temp / "started"));
    EXPECT_EQ(box.reported().kind, Kind::kClaimLost);
    EXPECT_EQ(vbrain::testing::count_below(box.attempt("")), 1U) << "nothing touched";
    EXPECT_EQ(read_file(box.attempt("claim")), claim);
  }
}

TEST(Runner, RunsAnAttemptOnce) {
  const Sandbox box;
  EXPECT_EQ(box.run_shell("echo x >> " + (box.temp / "runs")), 0);
  EXPECT_EQ(box.run_shell("echo x >> " + (box.temp / "runs")), kClaimLost);
  EXPECT_EQ(read_file(box.temp / "runs"), "x\n");
}

TEST(Runner, TellsItsOwnFailures) {
  const Sandbox box;
  fs::remove(box.temp / "vbrain/job.json");
  EXPECT_EQ(box.run({"true"}), kOwnFailure);
  EXPECT_EQ(box.reported().kind, Kind::kExecFailed);
  EXPECT_THAT(box.reported().message, HasSubstr("job.json"));
  EXPECT_TRUE(box.sealed("manifest.json"));
  const Sandbox none;
  fs::remove_all(none.temp / "vbrain/attempt");
  EXPECT_EQ(none.run({"true"}), kOwnFailure);
  EXPECT_EQ(none.reported().exit_code, kOwnFailure);
}

TEST(Runner, PassesSignalsOn) {
  for (const auto& [signal, name] :
       {std::pair{SIGTERM, "TERM"}, std::pair{SIGINT, "INT"}, std::pair{SIGUSR1, "USR1"}}) {
    const Sandbox box;
    auto process = box.start(
        {"/bin/sh", "-c",
         std::string("trap 'echo got; exit 7' ") + name + "; echo ready; while :; do sleep 1000 & wait; done"});
    ASSERT_TRUE(eventually([&] { return text_so_far(box.temp / "stdout") == "ready\n"; }));
    kill(process.pid(), signal);
    EXPECT_EQ(process.wait(), 7) << name;
    EXPECT_EQ(read_file(box.attempt("logs/stdout.log")), "ready\ngot\n");
  }
}

TEST(Runner, ShowsLogsWhileTheyHappen) {
  const Sandbox box;
  ASSERT_EQ(mkfifo((box.temp / "go").c_str(), 0600), 0);
  auto process = box.start({"/bin/sh", "-c", "printf first; printf err >&2; read x < " + (box.temp / "go")});
  EXPECT_TRUE(eventually([&] {
    return text_so_far(box.attempt("logs/stdout.log")) == "first" &&
           text_so_far(box.attempt("logs/stderr.log")) == "err";
  }));
  EXPECT_FALSE(box.sealed("manifest.json"));
  std::ofstream(box.temp / "go") << "go\n";
  EXPECT_EQ(process.wait(), 0);
}

// Both as a subreaper and as PID 1.
void expect_no_survivors(const std::vector<std::string>& before) {
  const Sandbox box;
  // One process in its own session with closed streams, and one that keeps the streams. Both write as long as the
  // folder exists, so they end with the test even if the runner leaves them.
  auto process = box.start({"/bin/sh", "-c", R"(
    setsid sh -c 'while echo more >> "$VBRAIN_OUTPUT_DIR/f"; do :; done' > /dev/null 2>&1 < /dev/null &
    (trap "" TERM HUP; while echo more >> "$VBRAIN_OUTPUT_DIR/g"; do :; done) &
    while [ ! -s "$VBRAIN_OUTPUT_DIR/f" ] || [ ! -s "$VBRAIN_OUTPUT_DIR/g" ]; do :; done
    exit 0)"},
                           {}, before);
  ASSERT_EQ(process.wait(), 0);
  const Manifest manifest = manifest_of(box);
  ASSERT_EQ(manifest.files.size(), 2U);
  for (const auto& file : manifest.files) {
    EXPECT_EQ(file.bytes, fs::file_size(box.work("output/" + file.name))) << "nobody wrote after sealing began";
  }
}

TEST(Runner, KillsWhatIsLeftBeforeSealing) {
  expect_no_survivors({});
}

TEST(RunnerAsRoot, KillsWhatIsLeftAsPidOne) {
  if (!can_unshare()) GTEST_SKIP() << "needs root and PID namespaces";
  expect_no_survivors({"unshare", "-pf", "--mount-proc", "--kill-child"});
}

TEST(RunnerAsRoot, IsPidOne) {
  if (!can_unshare()) GTEST_SKIP() << "needs root and PID namespaces";
  const Sandbox box;
  auto process = box.start({"/bin/sh", "-c", R"(
    # An orphan that ends while the main process runs: PID 1 must reap it.
    sh -c 'true & echo $! > "$VBRAIN_OUTPUT_DIR/orphan"; exit 0'
    orphan=$(cat "$VBRAIN_OUTPUT_DIR/orphan")
    while [ -e /proc/$orphan ]; do :; done
    cat /proc/$$/stat | cut -d' ' -f4
    exit 5)"},
                           {}, {"unshare", "-pf", "--mount-proc", "--kill-child"});
  EXPECT_EQ(process.wait(), 5);
  EXPECT_EQ(read_file(box.attempt("logs/stdout.log")), "1\n") << "the application's parent is PID 1";
  EXPECT_EQ(box.reported().exit_code, 5);
}

TEST(Runner, TellsMemoryFromOtherEnds) {
  struct Case {
    std::string file;
    std::string script;
    int want_code;
    Kind want;
  };
  const std::string more = "printf 'low 0\\noom 1\\noom_kill 3\\n' > $CGROUP/";
  const std::vector<Case> cases = {
      {"memory.events", "kill -9 $$", 137, Kind::kSignal},
      {"memory.events", more + "memory.events; kill -9 $$", 137, Kind::kOom},
      {"memory/memory.oom_control", more + "memory/memory.oom_control; kill -9 $$", 137, Kind::kOom},
      {"memory.events", more + "memory.events; exit 1", 1, Kind::kOom},
      {"memory.events", more + "memory.events; exit 0", 0, Kind::kOk},
  };
  for (const Case& c : cases) {
    const Sandbox box;
    write_file(box.temp / ("cgroup/" + c.file), "low 0\noom 0\noom_kill 2\n");
    EXPECT_EQ(box.run_shell(c.script), c.want_code) << c.script;
    EXPECT_EQ(box.reported().kind, c.want) << c.file << ": " << c.script;
    EXPECT_EQ(box.reported().message.starts_with("a child process was killed"), c.want == Kind::kOk) << c.script;
  }
}

TEST(Runner, KeepsToItsLimits) {
  const Sandbox box;
  EXPECT_EQ(box.run_shell("truncate -s 10T $VBRAIN_OUTPUT_DIR/sparse"), kSealFailed);
  EXPECT_THAT(box.reported().message, HasSubstr("larger than 53687091200 bytes"));
  const Sandbox small;
  EXPECT_EQ(small.run_shell("echo 12345 > $VBRAIN_OUTPUT_DIR/a", {{"VBRAIN_OUTPUT_LIMIT_BYTES", "5"}}), kSealFailed);
  const Sandbox fits;
  EXPECT_EQ(fits.run_shell("echo 12345 > $VBRAIN_OUTPUT_DIR/a", {{"VBRAIN_OUTPUT_LIMIT_BYTES", "6"}}), 0);
  const Sandbox logs;
  EXPECT_EQ(logs.run_shell("yes | head -c 100000", {{"VBRAIN_LOG_LIMIT_BYTES", "1000"}}), 0);
  EXPECT_LT(fs::file_size(logs.attempt("logs/stdout.log")), 1'100U);
  EXPECT_THAT(read_file(logs.attempt("logs/stdout.log")), HasSubstr("\n[log limit of 1000 bytes reached"));
  EXPECT_EQ(fs::file_size(logs.temp / "stdout"), 100'000U) << "the console goes on";
  const Sandbox ends;
  EXPECT_EQ(ends.run_shell("echo first; yes | head -c 100000; echo last", {{"VBRAIN_LOG_LIMIT_BYTES", "1000"}}), 0);
  const std::string log = read_file(ends.attempt("logs/stdout.log"));
  EXPECT_THAT(log, StartsWith("first\ny\n"));
  EXPECT_THAT(log, HasSubstr("\n[log limit of 1000 bytes reached: 99011 bytes are left out here]\n"));
  EXPECT_THAT(log, ::testing::EndsWith("y\nlast\n"));
  EXPECT_EQ(ends.reported().log_bytes, 1'000U);
  const Sandbox wrong;
  EXPECT_EQ(wrong.run({"true"}, {{"VBRAIN_LOG_LIMIT_BYTES", "1k"}}), kOwnFailure);
}

TEST(Runner, MuchOutputInLittleMemory) {
  const Sandbox box;
  auto process = box.start({"/bin/sh", "-c",
                            "head -c 60000000 /dev/zero; head -c 60000000 /dev/zero > $VBRAIN_OUTPUT_DIR/zeros;"
                            "(printf '['; yes 1, | head -n 4000000; echo 1]) > $VBRAIN_RESULT_FILE"});
  const std::uint64_t peak = process.peak_bytes();
  EXPECT_EQ(process.wait(), 0);
  EXPECT_EQ(fs::file_size(box.attempt("logs/stdout.log")), 60'000'000U);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // The container's memory limit is the application's. The libraries that this build shares are most of it.
  EXPECT_LT(peak, 16U << 20);
#endif
}

TEST(Runner, TheMessageTellsTheEndWhileSealing) {
  // The runner is killed while it seals. Sealing 300 MB takes longer than checking a file.
  const Sandbox box;
  auto process = box.start({"/bin/sh", "-c", "head -c 300000000 /dev/urandom > $VBRAIN_OUTPUT_DIR/large"});
  ASSERT_TRUE(eventually([&] { return !text_so_far(box.temp / "dev/termination-log").empty(); }));
  kill(process.pid(), SIGKILL);
  process.wait();
  ASSERT_FALSE(box.sealed("manifest.json"));
  EXPECT_EQ(box.reported().kind, Kind::kSealFailed);
  EXPECT_EQ(box.reported().exit_code, kSealFailed);
}

TEST(RunnerAsRoot, TheShippedFileNeedsNothingAround) {
  const fs::path program = build_folder() / "bundle/runner";
  if (!fs::exists(program)) GTEST_SKIP() << "not built with sanitizers";
  if (geteuid() != 0) GTEST_SKIP() << "needs root, to mount";
  const Sandbox box;
  fs::create_directories(box.temp / "vbrain/bin");
  fs::copy_file(program, box.temp / "vbrain/bin/runner");
  const pid_t pid = fork();
  if (pid == 0) {
    // An empty root, and the program's folder read-only.
    const std::string bin = box.temp / "vbrain/bin";
    const bool ready = unshare(CLONE_NEWNS) == 0 && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       mount(bin.c_str(), bin.c_str(), nullptr, MS_BIND, nullptr) == 0 &&
                       mount(bin.c_str(), bin.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) == 0 &&
                       chroot(box.temp.path().c_str()) == 0 && chdir("/") == 0;
    if (!ready) _exit(98);
    execl("/vbrain/bin/runner", "/vbrain/bin/runner", "--", "/vbrain/bin/runner", "--version", nullptr);
    _exit(99);
  }
  EXPECT_EQ(Sandbox::Process(pid).wait(), 0);
  EXPECT_EQ(read_file(box.attempt("logs/stdout.log")), VBRAIN_VERSION "\n");
  EXPECT_EQ(box.reported().kind, Kind::kOk);
}

TEST(Runner, ChecksTheResultAgainstTheSchemaInJobJson) {
  const auto with_schema = [](const Sandbox& box, const std::string& schema) {
    std::string file = read_file(box.temp / "vbrain/job.json");
    file.replace(file.rfind('}'), 1, R"(,"result_schema":)" + schema + "}");
    write_file(box.temp / "vbrain/job.json", file);
  };
  const Sandbox wrong;
  with_schema(wrong, R"({"properties":{"a":{"type":"number"}}})");
  EXPECT_EQ(wrong.run_shell(R"(echo '{"a":"x"}' > "$VBRAIN_RESULT_FILE")"), 124);
  EXPECT_EQ(wrong.reported().kind, Kind::kInvalidResult);
  EXPECT_EQ(wrong.reported().message,
            "it does not match resultSchema of the Application: /a: must be a number, is a string");
  EXPECT_FALSE(wrong.sealed("result.json"));
  const Sandbox right;
  with_schema(right, R"({"properties":{"a":{"type":"number"}}})");
  EXPECT_EQ(right.run_shell(R"(echo '{"a":1.50}' > "$VBRAIN_RESULT_FILE")"), 0);
  EXPECT_EQ(read_file(right.attempt("result.json")), "{\"a\":1.50}\n");
  // Of a server of another version. A result that cost hours is not lost for that.
  const Sandbox other;
  with_schema(other, R"({"type":"int"})");
  EXPECT_EQ(other.run_shell(R"(echo 1 > "$VBRAIN_RESULT_FILE")"), 0);
  EXPECT_THAT(read_file(other.temp / "stderr"), HasSubstr("the result is not checked"));
}

}  // namespace
}  // namespace vbrain::runner
