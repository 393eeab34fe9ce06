"""Runs the test suites and counts them: python3 tests/run.py [unit|chart|integration|web|conformance|fault|e2e]...

Every suite gets its own state folder, network namespace and ports, so that a run works beside `make up` and
beside the run of another clone. A run stops everything that it started, also when it fails or is interrupted. The next
run stops what a killed run left behind. The last line is `N passed, N failed, N skipped`.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from support import netfs
from support.counts import Count, count_googletest, count_junit, count_last_line
from support.processes import LOGS, STOPPED, Failed, Interrupted, run, run_all, say, tail
from support.unit_runs import AS_POD, NEEDS_ROOT, ON_NETWORK_VOLUME, count_tests, fresh_folder, network_volume, unmount_below
from support.web_tests import run_web_tests

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local" / "test"
NAME = "vbt" + hashlib.sha256(str(ROOT).encode()).hexdigest()[:6]
CLUSTER_STATE = STATE / "cluster"
CLUSTER = ["--state", CLUSTER_STATE, "--name", NAME]
SUITES = ["unit", "chart", "integration", "web", "conformance", "fault", "e2e"]
# Their tests mostly wait, and share nothing but the cluster.
SIDE_BY_SIDE = [("chart", "integration"), ("conformance", "fault"), ("fault", "e2e")]
UNFINISHED = set()  # suites of the group that runs
MACHINE_LACKS = 3  # exit code of cluster.sh when the machine cannot run a kubelet
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def build(preset, *targets):
    run(f"building {preset}" + (" " + " ".join(targets) if targets else ""),
        ["scripts/build.sh", preset, *targets], f"build-{preset}",
        hint="read the compiler's first error above; `make packages` installs what the build needs")


def show_failures(log):
    """Shows the end of a log without the programs' own log lines, which are in the file."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if not line.startswith('{"time"')]
    say("\n".join("    " + line for line in lines[-120:]))
    say(f"  (full log: {log.relative_to(ROOT)})")


def run_googletest(program, env=None, tests="*", log_name=None, command=None, report=None):
    """Runs a test program, with `command` if that is given, and counts the tests in its report."""
    log_name = log_name or program.name
    report = report or LOGS / f"{log_name}.xml"
    report.unlink(missing_ok=True)
    options = [f"--gtest_output=xml:{report}", "--gtest_brief=1", f"--gtest_filter={tests}"]
    code = run(f"running {log_name}", [*(command or [program]), *options], log_name, env=env, check=False)
    if not report.exists():
        show_failures(LOGS / f"{log_name}.log")
        return Count(failed=1, failures=[f"{log_name} (ended with {code} before its report)"])
    count = count_googletest(report)
    if code != 0 and count.failed == 0:
        count.failed += 1
        count.failures.append(f"{log_name} (exit code {code})")
    if count.failed:
        show_failures(LOGS / f"{log_name}.log")
    return count


def run_as_pod(program, log_name, tests, env=None):
    """Runs a test program with the uid and the groups of vBrain's pods if this is root, else as the current user."""
    if os.geteuid() != 0:
        return run_googletest(program, env, tests, log_name)
    folder = fresh_folder(f"/tmp/{NAME}-{log_name}")
    command = ["tests/support/as_pod.sh", program.parents[1], folder, f"tests/{program.name}"]
    try:
        return run_googletest(program, env, tests, log_name, command, folder / "report.xml")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def runs_on_network_volume(programs):
    """Gives the tasks that run the volume tests again, on a volume that behaves like NFS."""
    lacking = netfs.lacks()
    if lacking:
        say(f"• the volume tests on a network file system are skipped: {lacking}")
        count = Count()
        count.skip(lacking, sum(count_tests(programs[name], tests) for name, tests in ON_NETWORK_VOLUME.items()))
        yield [lambda: count]
        return
    with network_volume(fresh_folder(f"/tmp/{NAME}-netfs")) as volume:
        yield [functools.partial(run_as_pod, programs[name], f"{name}-netfs", tests, {"VBRAIN_TEST_VOLUMES": str(volume)})
               for name, tests in ON_NETWORK_VOLUME.items()]


def suite_unit():
    build("dev")
    programs = {program.name: program for program in sorted((ROOT / "build" / "dev" / "tests").glob("unit_*"))
                if program.is_file() and os.access(program, os.X_OK)}
    tasks = []
    for name, program in programs.items():
        needs_root = count_tests(program, NEEDS_ROOT) if name in AS_POD and os.geteuid() == 0 else 0
        if needs_root:
            tasks.append(functools.partial(run_googletest, program, tests=NEEDS_ROOT, log_name=f"{name}-root"))
        if name in AS_POD:
            tasks.append(functools.partial(run_as_pod, program, name, f"-{NEEDS_ROOT}" if needs_root else "*"))
        else:
            tasks.append(functools.partial(run_googletest, program))
    tasks.append(run_web_tests)
    tasks.append(functools.partial(run_pytest, "tests/clients and tests/examples", "clients", None, "tests/clients", "tests/examples", inside=False))
    with runs_on_network_volume(programs) as more:
        return run_all(tasks + more)


@functools.cache
def control_plane_env():
    run("building the API server, etcd, kubectl and helm", ["cluster/build.sh", "control-plane", "helm"], "cluster-build",
        hint="see the end of the log; the Go module proxy must be reachable for the first build")
    return {"VBRAIN_TEST_STATE": str(STATE), "VBRAIN_CONTROL_PLANE": str(ROOT / "cluster" / "control-plane.sh"),
            "VBRAIN_CRDS": str(ROOT / "crds")}


def suite_chart():
    build("release")  # the flags of the programs that ship are looked at
    env = control_plane_env()
    count = Count()
    for script in sorted((ROOT / "tests" / "chart").glob("*.sh")):
        name = f"chart-{script.stem}"
        code = run(f"running tests/chart/{script.name}", ["bash", script], name, env=env, check=False)
        counted = count_last_line(LOGS / f"{name}.log")
        if code != 0 and counted.failed == 0:
            counted.failed = 1
        if counted.failed:
            counted.failures.append(name)
            show_failures(LOGS / f"{name}.log")
        count.add(counted)
    return count


def suite_integration():
    env = control_plane_env()
    build("dev", "integration_kube", "controller", "runner-bundle", "drain_watch", "slow_sync")
    count = run_googletest(ROOT / "build" / "dev" / "tests" / "integration_kube", env=env)
    # The benchmark must work; it measures nothing here.
    run("building kwok and the scheduler for the benchmark", ["cluster/build.sh", "kube-scheduler", "kube-controller-manager", "kwok"],
        "cluster-build-bench", hint="see the end of the log; the Go module proxy must be reachable for the first build")
    count.add(run_pytest("tests/bench", "bench-check", None, "tests/bench", inside=False))
    return count


# Two replicas of each program, as in an installation with high availability; short intervals, so that tests wait less.
# All tests are one source and poll with keys that are not known yet, so the limit of wrong keys is off.
CONTROLLER_FLAGS = ["--retry-backoff=2s", "--scan-interval=5s", "--sweep-age=1m", "--space-interval=2s"]
SETTINGS = [part for setting in ["apiServer.replicas=2", "controller.replicas=2", "apiServer.limits.maxAuthFailuresPerMinute=0",
                                 *(f"controller.extraArgs[{i}]={flag}" for i, flag in enumerate(CONTROLLER_FLAGS))]
            for part in ("--set", setting)]
# Number of concurrent test processes. A test waits most of its time for a pod.
PROCESSES = ["-n", "6", "--dist", "loadgroup"]


def pytest_command(*arguments):
    return [sys.executable, "-m", "pytest", "-c", "tests/pytest.ini", *arguments]


def count_as_skipped(suite):
    listing = subprocess.run(pytest_command(f"tests/{suite}", "--collect-only", "-q"), cwd=ROOT, capture_output=True, text=True,
                             check=False)
    if listing.returncode != 0:
        say(listing.stdout + listing.stderr)
        raise Failed(f"the tests of {suite} could not be counted")
    count = Count()
    count.skip(f"{suite} is turned off (E2E=off)", sum("::" in line for line in listing.stdout.splitlines()))
    return count


@contextlib.contextmanager
def installed_platform(settings):
    """Installs the chart on a cluster of this run. Returns the file with its addresses and paths."""
    build("release")
    run("building the cluster's programs", ["cluster/build.sh", "all"], "cluster-build-all",
        hint="the Go module proxy must be reachable for the first build")
    run("fetching what the tests take from package registries", [sys.executable, "tests/support/fetch.py"], "fetch", check=False)
    end_cluster()
    try:
        code = run("starting a cluster for the tests", ["cluster/cluster.sh", "up", *CLUSTER, "--audit", "--no-fsync"], "cluster-up",
                   check=False)
        if code != 0:
            say(tail(LOGS / "cluster-up.log", 30))
            raise Failed("this machine cannot run a kubelet (see above; E2E=off skips these tests)"
                         if code == MACHINE_LACKS else "the test cluster did not start")
        description = STATE / "e2e.json"
        run("building images and installing the chart", ["scripts/deploy.sh", *CLUSTER, "--out", description, *settings], "deploy",
            hint="the log has the events of the namespace at its end")
        yield description
    finally:
        end_cluster()


def run_pytest(what, log_name, description, *arguments, inside=True):
    report = LOGS / f"{log_name}.xml"
    report.unlink(missing_ok=True)
    command = pytest_command(*arguments, f"--junitxml={report}")
    if inside:
        command = ["cluster/cluster.sh", "exec", *CLUSTER, "--", *command]
    code = run(f"running {what}", command, log_name, check=False,
               env={"VBRAIN_E2E": str(description), "VBRAIN_E2E_SETTINGS": " ".join(SETTINGS)})
    if not report.exists():
        show_failures(LOGS / f"{log_name}.log")
        return Count(failed=1, failures=[f"{log_name} (no report)"])
    count = count_junit(report)
    if code != 0 and count.failed == 0:
        count.failed += 1
        count.failures.append(f"{log_name} (exit code {code})")
    if count.failed:
        show_failures(LOGS / f"{log_name}.log")
    return count


def suite_conformance(description):
    return run_pytest("tests/conformance", "conformance", description, "tests/conformance", *PROCESSES)


def suite_web(description):
    """Alone and in one process: there is one browser, and one of the tests kills the servers."""
    return run_pytest("tests/web", "web-pages", description, "tests/web", "--durations=10")


def wait_for_the_others(name):
    """Waits until this suite is the only one of its group that still runs."""
    while UNFINISHED - {name}:
        if STOPPED.is_set():
            raise Interrupted
        time.sleep(0.2)


def suite_e2e(description):
    count = run_pytest("tests/e2e", "e2e", description, "tests/e2e", "-m", "not disruptive and not rebuild and not uninstall", *PROCESSES)
    wait_for_the_others("e2e")
    count.add(run_pytest("the disruptive ones of tests/e2e", "e2e-disruptive", description, "tests/e2e", "-m", "disruptive"))
    # The cluster's network namespace ends with the cluster.
    count.add(run_pytest("the rebuild of the cluster", "e2e-rebuild", description, "tests/e2e", "-m", "rebuild", inside=False))
    count.add(run_pytest("uninstallations that delete the definitions", "e2e-uninstall", description, "tests/e2e", "-m", "uninstall"))
    return count


def suite_fault(description):
    build("dev", "api-server", "controller", "runner-bundle")
    return run_pytest("tests/fault", "fault", description, "tests/fault", "-n", "4")


def suite_bench(description):
    """Not a test: prints measurements."""
    run("measuring (20 jobs, one after the other)",
        ["cluster/cluster.sh", "exec", *CLUSTER, "--", sys.executable, "tests/bench/one_job.py"], "bench",
        env={"VBRAIN_E2E": str(description)})
    say((LOGS / "bench.log").read_text())
    return Count()


def end_cluster():
    """Completes also if a second signal arrives, because a partial cleanup would leave things behind."""
    if not CLUSTER_STATE.exists():
        return
    handlers = {sign: signal.signal(sign, signal.SIG_IGN) for sign in SIGNALS}
    try:
        run("ending the test cluster", ["cluster/cluster.sh", "down", *CLUSTER], "cluster-down", check=False, even_if_stopped=True)
        # Small volumes of killed tests.
        unmount_below(CLUSTER_STATE)
        shutil.rmtree(CLUSTER_STATE, ignore_errors=True)
    finally:
        for sign, handler in handlers.items():
            signal.signal(sign, handler)


class Installation:
    """Shared by several suites: created for the first one that needs it; if that fails, it fails for all."""

    def __init__(self, stack):
        self.stack = stack
        self.description = None
        self.failed = False

    def get(self, settings):
        if self.failed:
            raise Failed("needs the installation that failed above")
        if self.description is None:
            self.failed = True
            self.description = self.stack.enter_context(installed_platform(settings))
            self.failed = False
        return self.description


def run_suite(name, installation):
    local = {"unit": suite_unit, "chart": suite_chart, "integration": suite_integration}
    if name in local:
        return local[name]()
    if name == "bench":
        return suite_bench(installation.get(settings=[]))
    if os.environ.get("E2E", "on") == "off":
        return count_as_skipped(name)
    return {"web": suite_web, "conformance": suite_conformance, "e2e": suite_e2e, "fault": suite_fault}[name](installation.get(SETTINGS))


def count_suite(name, installation, lines):
    """Runs a suite and adds its line to `lines`."""
    started = time.monotonic()
    try:
        count = run_suite(name, installation)
    except Exception as failure:  # also a report that is not whole
        count = Count(failed=1, failures=[f"{name}: {failure!r}" if not isinstance(failure, Failed) else f"{name}: {failure}"])
    finally:
        UNFINISHED.discard(name)
    lines.append(f"{name:12} {count} ({time.monotonic() - started:.0f} s)")
    say(lines[-1])
    return count


def prepare(group, installation):
    """Makes what the suites of a group share; the installation handles signals, so this thread makes it."""
    with contextlib.suppress(Failed):  # each suite says so itself
        if "integration" in group:
            control_plane_env()
        elif os.environ.get("E2E", "on") != "off":
            installation.get(SETTINGS)


def groups_of(names):
    """The suites in their order; those of a group run side by side."""
    groups = []
    for name in names:
        if groups and (groups[-1][-1], name) in SIDE_BY_SIDE:
            groups[-1].append(name)
        else:
            groups.append([name])
    return groups


def interrupted(*_):
    raise Interrupted


def main(names):
    unknown = [name for name in names if name not in [*SUITES, "bench"]]
    if unknown:
        say(f"unknown suite {unknown[0]}; there are {', '.join(SUITES)}")
        return 2
    STATE.mkdir(parents=True, exist_ok=True)
    lock = (STATE / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("another test run of this clone is running; try again when it has ended")
        say(str(Count(failed=1)))
        return 1
    for sign in SIGNALS:
        signal.signal(sign, interrupted)

    total = Count()
    lines = []
    code = 0
    try:
        with contextlib.ExitStack() as stack:
            installation = Installation(stack)
            for group in groups_of(names or SUITES):
                UNFINISHED.update(group)
                if len(group) == 1:
                    total.add(count_suite(group[0], installation, lines))
                else:
                    prepare(group, installation)
                    total.add(run_all([functools.partial(count_suite, name, installation, lines) for name in group]))
    except Interrupted:
        say("interrupted; everything that this run started has been stopped")
        code = 130
    say("")
    for line in lines:
        say(line)
    for line in total.skips():
        say(line)
    for failure in total.failures:
        say(f"failed: {failure}")
    if names == ["bench"]:
        return code or min(total.failed, 1)
    say(str(total))
    return code or (1 if total.failed or not total.passed + total.skipped else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
