#include "controller/planning/outcome.hpp"

#include <gtest/gtest.h>

#include "controller/planning/wording.hpp"
#include "job/causes.hpp"
#include "unit/controller/builders.hpp"

namespace vbrain::controller {
namespace {

using artifacts::Outcome;
using testing::an_outcome;
using testing::claimed_by;
using testing::claimed_by_runner;
using testing::closed;
using testing::PodOf;
using testing::sealed;
using testing::unclaimed;
using Kind = Outcome::Kind;

std::string report(Kind kind, int exit_code = 0, int signal = 0, std::string message = {}) {
  Outcome outcome = an_outcome(kind, exit_code);
  outcome.signal = signal;
  outcome.message = std::move(message);
  return artifacts::encode_outcome(outcome);
}

// "" means "read the volume first".
std::string reason_of(const std::optional<Verdict>& verdict) {
  if (!verdict) return "";
  return (verdict->succeeded ? "+" : "-") + verdict->reason + (verdict->disrupted ? "!" : "");
}

TEST(Outcome, OfAPodsEnd) {
  struct Case {
    const char* when;
    PodOf pod;
    std::optional<AttemptFiles> files;
    const char* want;
    std::optional<int> want_exit = {};
  };
  const Case cases[] = {
      {"all well", PodOf().succeeded(), {}, "+Completed", 0},
      {"exit code", PodOf().exited(3), {}, "-NonZeroExit", 3},
      {"the application's own 121 is no lost claim", PodOf().exited(121), {}, "-NonZeroExit", 121},
      {"signal", PodOf().ended(139, report(Kind::kSignal, 139, 11)), {}, "-Killed", 139},
      {"out of memory by the runner", PodOf().ended(137, report(Kind::kOom, 137, 9)), {}, "-OOMKilled", 137},
      {"out of memory by the kubelet", PodOf().ended(137, "", "OOMKilled"), {}, "-OOMKilled", 137},
      {"out of memory by the kubelet, the runner saw a signal",
       PodOf().ended(137, report(Kind::kSignal, 137, 9), "OOMKilled"),
       {},
       "-OOMKilled",
       137},
      {"invalid result: the application ended with 0, the runner with 124",
       PodOf().ended(124, report(Kind::kInvalidResult, 124)),
       {},
       "-InvalidResult",
       0},
      {"not sealed", PodOf().ended(122, report(Kind::kSealFailed, 122)), {}, "-NotSealed", 0},
      {"above outputLimit",
       PodOf().ended(122, report(Kind::kSealFailed, 122, 0, "the output is larger than 9 bytes")),
       {},
       "-OutputTooLarge",
       0},
      {"an output that cannot be archived",
       PodOf().ended(122, report(Kind::kSealFailed, 122, 0, "the output has more than 65535 files and folders")),
       {},
       "-InvalidOutput",
       0},
      {"no such command", PodOf().ended(123, report(Kind::kExecFailed, 123)), {}, "-CommandNotStarted"},
      {"the runner could not read its volume", PodOf().ended(125, report(Kind::kExecFailed, 125)), {}, "-RunnerFailed"},
      {"success claimed, exit code not 0", PodOf().ended(1, report(Kind::kOk)), {}, "-RunnerFailed"},
      {"failure claimed, exit code 0", PodOf().ended(0, report(Kind::kExit, 3)), {}, "-NonZeroExit", 3},
      {"exit 0 without a word", PodOf().ended(0, ""), {}, ""},
      {"exit 0 without a word, sealed", PodOf().ended(0, ""), sealed(), "+Completed", 0},
      {"exit 0, a failure's manifest", PodOf().ended(0, ""), sealed(an_outcome(Kind::kExit, 3)), "-NonZeroExit", 3},
      {"exit 0, no manifest", PodOf().ended(0, ""), claimed_by_runner(), "-NotSealed", 0},
      {"exit 0, another pod's manifest", PodOf().ended(0, ""), sealed(an_outcome(), "other"), "-NotSealed", 0},
      {"killed without a word", PodOf().ended(137, ""), {}, "-Killed", 137},
      {"runner failed without a word", PodOf().ended(125, ""), {}, "-RunnerFailed"},
      {"no seal, no word", PodOf().ended(122, ""), {}, "-NotSealed", 0},
      {"no result, no word", PodOf().ended(124, ""), {}, "-InvalidResult", 0},
      {"an init container failed", PodOf().failed("").init_ended("setup", 3, "no such table"), closed(),
       "-InitContainerFailed"},
      {"an init container succeeded", PodOf().failed("").init_ended("setup", 0, ""), closed(), "-PodFailed"},
      {"container could not start", PodOf().ended(128, "exec: no such file", "StartError"), {}, "-StartError"},
      {"lost claim", PodOf().ended(121, report(Kind::kClaimLost)), {}, ""},
      {"lost claim, closed by us", PodOf().ended(121, report(Kind::kClaimLost)), closed(), "-NotStarted"},
      {"lost claim without a word", PodOf().ended(121, ""), closed(), "-NotStarted"},
      {"lost claim to another pod that did it", PodOf().ended(121, report(Kind::kClaimLost)),
       sealed(an_outcome(), "other"), "+Completed", 0},
      {"lost claim to another pod that may still run", PodOf().ended(121, report(Kind::kClaimLost)),
       claimed_by(artifacts::Claim::By::kRunner, "other"), ""},
      {"evicted, not known how far it came", PodOf().failed("Evicted"), {}, ""},
      {"evicted", PodOf().failed("Evicted", "low on disk"), claimed_by_runner(), "-Evicted"},
      {"evicted for its own output",
       PodOf().failed("Evicted", "Usage of EmptyDir volume \"vbrain-work\" exceeds the limit \"10Gi\". "),
       claimed_by_runner(), "-DiskLimitExceeded"},
      {"evicted while an init container ran",
       PodOf()
           .failed("Evicted", "Usage of EmptyDir volume \"vbrain-work\" exceeds the limit \"10Gi\". ")
           .init_ended("setup", 137, ""),
       closed(), "-DiskLimitExceeded"},
      {"evicted by the cluster", PodOf().failed("Evicted").disrupted(), claimed_by_runner(), "-Evicted!"},
      {"evicted after it had sealed", PodOf().failed("Evicted").disrupted(), sealed(), "+Completed", 0},
      {"node back after a crash", PodOf().ended(137, "", "ContainerStatusUnknown"), claimed_by_runner(), "-PodFailed"},
      {"node back after a crash, but sealed", PodOf().ended(137, "", "ContainerStatusUnknown"), sealed(), "+Completed",
       0},
      {"refused by the kubelet", PodOf().failed("OutOfcpu", "node had no cpu"), closed(), "-OutOfcpu"},
      {"a failure during a disruption is the disruption's", PodOf().exited(143).disrupted(), {}, "-NonZeroExit!", 143},
  };
  for (const Case& c : cases) {
    const auto verdict = judge_pod(c.pod.get(), c.files ? &*c.files : nullptr);
    EXPECT_EQ(reason_of(verdict), c.want) << c.when;
    if (verdict) {
      EXPECT_EQ(verdict->exit_code, c.want_exit) << c.when;
      EXPECT_FALSE(job::tell(verdict->reason, verdict->message).empty()) << c.when;
      EXPECT_EQ(verdict->artifacts.has_value(), verdict->succeeded) << c.when;
    }
  }
}

TEST(Outcome, AFailedInitContainerIsNamedWithItsLastWords) {
  const AttemptFiles files = closed();
  const auto message = [&](const PodOf& pod) { return judge_pod(pod.get(), &files)->message; };
  EXPECT_EQ(message(PodOf().failed("").init_ended("setup", 3, "loading\nno such table\n")),
            "init container 'setup' ended with exit code 3: loading no such table");
  EXPECT_EQ(message(PodOf().failed("").init_ended("setup", 3, "")), "init container 'setup' ended with exit code 3");
  EXPECT_EQ(message(PodOf().failed("").init_ended("setup", 137, "", "OOMKilled")),
            "init container 'setup' was killed for lack of memory");
  const std::string log = "first\n" + std::string(600, 'x') + "\nlast \x1b[31mline";
  EXPECT_EQ(message(PodOf().failed("").init_ended("setup", 1, log)),
            "init container 'setup' ended with exit code 1: last  [31mline");
}

TEST(Outcome, WhoeverDeletedAPodDidItBeforeItEnded) {
  EXPECT_FALSE(was_deleted_while_running(PodOf().exited(3).get()));
  EXPECT_FALSE(was_deleted_while_running(PodOf().waiting("ErrImagePull").stopping().get())) << "it never ran";
  EXPECT_TRUE(was_deleted_while_running(PodOf().running().stopping().get()));
  EXPECT_TRUE(was_deleted_while_running(PodOf().exited(143).stopping().get())) << "nobody knows when it ended";
  EXPECT_TRUE(was_deleted_while_running(PodOf().exited(143).finished_at(10).stopping().get()));
  EXPECT_FALSE(was_deleted_while_running(PodOf().exited(3).finished_at(9).stopping().get()));
  EXPECT_TRUE(was_deleted_while_running(PodOf().exited(143).finished_at(9).stopping(30).get()))
      << "the mark holds the grace period";
}

TEST(Outcome, AChildThatWasKilledForMemoryIsToldBesideTheExitCode) {
  const auto message_of = [](int exit_code, const std::string& termination) {
    return judge_pod(PodOf().ended(exit_code, termination).get(), nullptr)->message;
  };
  const std::string child = message_of(1, report(Kind::kOom, 1, 0, "stderr ends with: x"));
  EXPECT_TRUE(child.ends_with("; it was a child process, and the command ended with exit code 1: stderr ends with: x"))
      << child;
  EXPECT_EQ(message_of(137, report(Kind::kOom, 137, 9)).find("child"), std::string::npos);
  const std::string good = message_of(0, report(Kind::kOk, 0, 0, "left out of the output: f: it is a FIFO"));
  EXPECT_TRUE(good.ends_with(": left out of the output: f: it is a FIFO")) << good;
}

TEST(Outcome, HostileTerminationMessagesAreNoReports) {
  const std::string messages[] = {
      "rubbish",
      "{}",
      "[]",
      "null",
      std::string(4096, '{'),
      R"({"format":1,"outcome":"ok"})" + std::string(3000, ' ') + "x",
      R"({"format":1,"outcome":"better than ok","exitCode":0})",
      R"({"format":1,"outcome":"ok","exitCode":0,"outputBytes":-1})",
      R"({"format":1,"outcome":"ok","exitCode":0,"outputBytes":1e300})",
      R"({"format":1,"outcome":"ok","exitCode":99999999999})",
      R"({"format":1,"outcome":"ok","exitCode":0,"outputSha256":"../../etc/passwd"})",
      R"({"format":1,"outcome":["ok"],"exitCode":0})",
      std::string("{\"format\":1,\"outcome\":\"ok\0\"}", 28),
  };
  for (const std::string& message : messages) {
    EXPECT_EQ(reason_of(judge_pod(PodOf().ended(0, message).get(), nullptr)), "") << message;
    const AttemptFiles none = claimed_by_runner();
    EXPECT_EQ(reason_of(judge_pod(PodOf().ended(0, message).get(), &none)), "-NotSealed") << message;
    EXPECT_EQ(reason_of(judge_pod(PodOf().ended(7, message).get(), nullptr)), "-NonZeroExit") << message;
  }
}

TEST(Outcome, AManifestThatIsNoneCountsAsAbsent) {
  AttemptFiles files = claimed_by_runner();
  files.manifest.emplace(tl::unexpected<std::string>("no JSON"));
  EXPECT_EQ(reason_of(judge_pod(PodOf().ended(0, "").get(), &files)), "-NotSealed");
  EXPECT_EQ(reason_of(judge_files(files)), "");
}

TEST(Outcome, OfFilesAlone) {
  EXPECT_EQ(reason_of(judge_files(unclaimed())), "");
  EXPECT_EQ(reason_of(judge_files(closed())), "-NotStarted");
  EXPECT_EQ(reason_of(judge_files(claimed_by_runner())), "");
  EXPECT_EQ(reason_of(judge_files(sealed())), "+Completed");
  EXPECT_EQ(reason_of(judge_files(sealed(an_outcome(Kind::kExit, 3)))), "-NonZeroExit");
  AttemptFiles unreadable = claimed_by(artifacts::Claim::By::kUnknown, "");
  EXPECT_EQ(reason_of(judge_files(unreadable)), "") << "taken by somebody, nobody knows whom";
}

TEST(Outcome, MessagesOfContainersAreMadeFitForAStatus) {
  const auto verdict =
      judge_pod(PodOf().ended(128, "line\nred \x1b[31m" + std::string(5000, 'x'), "StartError").get(), nullptr);
  ASSERT_TRUE(verdict);
  EXPECT_LE(verdict->message.size(), 1100u);
  for (const char c : verdict->message) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << verdict->message;
}

TEST(Outcome, StagesOfAPod) {
  using Stage = PodView::Stage;
  EXPECT_EQ(look_at(PodOf().get()).stage, Stage::kPending);
  EXPECT_EQ(look_at(PodOf().waiting("ErrImagePull").get()).waiting_reason, "ErrImagePull");
  EXPECT_EQ(look_at(PodOf().waiting("ContainerCreating").get()).waiting_reason, "");
  EXPECT_EQ(look_at(PodOf().waiting("odd reason\n").get()).waiting_reason, "Waiting");
  EXPECT_EQ(look_at(PodOf().unschedulable().get()).waiting_reason, "Unschedulable");
  EXPECT_EQ(
      look_at(
          PodOf().unschedulable("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.").get())
          .waiting_reason,
      "NoNodeFits");
  EXPECT_EQ(look_at(PodOf().init_running("setup").get()).waiting_reason, "Initializing");
  EXPECT_EQ(look_at(PodOf().running().get()).stage, Stage::kRunning);
  EXPECT_EQ(look_at(PodOf().succeeded().get()).stage, Stage::kEnded);
  EXPECT_FALSE(look_at(PodOf().succeeded().get()).others_running);
  EXPECT_TRUE(look_at(PodOf().succeeded().with_sidecar_running().get()).others_running);
  EXPECT_EQ(look_at(PodOf().failed("Evicted").get()).stage, Stage::kEnded);
  EXPECT_TRUE(look_at(PodOf().stopping().get()).stopping);
}

TEST(Wording, CleanMessageCutsAtACharactersBorder) {
  const std::string accents = std::string(1023, 'a') + "é";
  EXPECT_EQ(clean_message(accents), std::string(1023, 'a'));
  EXPECT_EQ(clean_message("a\tb\nc\x7f"), "a b c ");
  EXPECT_EQ(clean_message(""), "");
}

TEST(Wording, CleanReasonMatchesTheSchema) {
  const std::pair<std::string, std::string> wants[] = {
      {"OutOfcpu", "OutOfcpu"}, {"", "Odd"},  {"two words", "Odd"},           {"7up", "Odd"}, {"a:", "Odd"},
      {"A:b,c_1", "A:b,c_1"},   {"é", "Odd"}, {std::string(2000, 'a'), "Odd"}};
  for (const auto& [reason, want] : wants) EXPECT_EQ(clean_reason(reason, "Odd"), want) << reason;
}

}  // namespace
}  // namespace vbrain::controller
