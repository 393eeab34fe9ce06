"""The programs alone: what the runner does with large files, how fast the servers start, what they use when idle."""

import io
import os
import random
import shutil
import statistics
import subprocess
import time

import requests
from measure import alternate, cpu_seconds, wait_until_quiet
from ports import choose_port
from report import Row, beside
from rest_world import RestWorld

MIB = 1 << 20
IDLE_SECONDS = 10


def table_of_numbers(size):
    """Lines of comma-separated numbers, as a job may write them; a third of their size when they are packed."""
    numbers = random.Random(1)
    text = io.StringIO()
    row = 0
    while text.tell() < size:
        row += 1
        text.write(f"{row},2026-01-02T03:{row // 60 % 60:02}:{row % 60:02}Z,{numbers.gauss(20, 3):.3f},{numbers.random():.4f},ok\n")
    return text.getvalue().encode()[:size]


def seconds(command, **arguments):
    begin = time.monotonic()
    subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, **arguments)
    return time.monotonic() - begin


class ProgramBenchmark:
    """`mib`: of the files that the runner stores."""

    def __init__(self, world, rounds, mib, say, rows, figures):
        self.world, self.rounds, self.size, self.say, self.rows, self.figures = world, rounds, mib * MIB, say, rows, figures

    def run(self):
        self.runner()
        self.servers()

    def keep(self, name, results, row):
        self.figures[name] = results
        self.rows.append(row)
        self.say("  " + " | ".join(row.cells()))

    # The runner, with a folder in the place of the container's root.

    def attempt(self):
        """A new root as the kubelet would have mounted it."""
        root = self.world.state / "runner"
        shutil.rmtree(root, ignore_errors=True)
        for folder in ("vbrain/attempt", "vbrain/work", "vbrain/input", "dev"):
            (root / folder).mkdir(parents=True)
        (root / "vbrain" / "job.json").write_text('{"format": 1, "params": {}, "metadata": {}}')
        return root

    def run_attempt(self, script):
        root = self.attempt()
        environment = {**os.environ, "VBRAIN_POD_UID": "bench", "VBRAIN_LOG_LIMIT_BYTES": str(2 * self.size), "VBRAIN_OUTPUT_LIMIT_BYTES": ""}
        took = seconds([self.world.programs / "bundle" / "runner", "--root", root, "--", "/bin/sh", "-c", script], env=environment)
        assert '"outcome":"ok"' in (root / "dev" / "termination-log").read_text()
        return {"mb_per_s": self.size / 1e6 / took}

    def runner(self):
        content = self.world.state / "content"
        block = table_of_numbers(4 * MIB)
        with content.open("wb") as file:
            for _ in range(self.size // len(block)):
                file.write(block)
        packed, copied = self.world.state / "packed.zip", self.world.state / "copied"
        made = self.world.state / "made"  # moved by the application to its outputs, which takes no time

        def seal():
            shutil.copyfile(content, made)
            return self.run_attempt(f'mv "{made}" "$VBRAIN_OUTPUT_DIR"')

        def pack():
            packed.unlink(missing_ok=True)
            return {"mb_per_s": self.size / 1e6 / seconds(["zip", "-1", "-q", packed, content])}

        def copy():
            return {"mb_per_s": self.size / 1e6 / seconds(["sh", "-c", 'cat "$0" > "$1" && sync "$1"', content, copied])}

        size = f"{self.size // MIB:,} MiB"
        for name, what, ours, peer, title, goal in (
                ("seal", f"Runner: an attempt that ends with {size} of outputs", seal, pack, "zip -1", 1.0),
                ("log", f"Runner: an attempt that writes {size} to stdout", lambda: self.run_attempt(f'cat "{content}"'), copy,
                 "cat to a file, fsync", 0.5)):
            results = alternate(self.world, self.rounds, ours=ours, peer=peer)
            rate, other = (statistics.median(one["mb_per_s"] for one in results[key]) for key in ("ours", "peer"))
            self.keep(name, results, Row(what, f"{rate:.0f} MB/s", beside(title, f"{other:.0f} MB/s"), rate / other, goal))
        for path in (content, packed, copied):
            path.unlink()
        shutil.rmtree(self.world.state / "runner")

    # The servers.

    def servers(self):
        rest = RestWorld(self.world)
        rest.start()
        try:
            self.world.run("controller", self.controller_command(rest))
            wait_until_quiet(self.world.pids())
            pids = self.world.pids()
            before = {name: cpu_seconds(pids[name]) for name in ("controller", "api-server")}
            time.sleep(IDLE_SECONDS)
            for name, used in before.items():
                share = (cpu_seconds(pids[name]) - used) / IDLE_SECONDS * 100
                self.keep(f"idle-{name}", share, Row(f"CPU of {name} when idle, over {IDLE_SECONDS} s", f"{share:.1f} % of a core", value=share,
                                                     goal=1, at_most=True, unit=" %"))
            for name, command in (("controller", self.controller_command(rest)), ("api-server", rest.server_command())):
                times = [self.time_to_ready(name, command) for _ in range(5)]
                middle = statistics.median(times)
                self.keep(f"start-{name}", times, Row(f"Start of {name} → /readyz answers 200 (median of 5)", f"{middle:.0f} ms", value=middle,
                                                      goal=100, at_most=True, unit=" ms"))
        finally:
            if "controller" in self.world.running:
                self.world.stop_program("controller")
            rest.stop()

    def controller_command(self, rest):
        return [self.world.programs / "bin" / "controller", *rest.flags()]

    def time_to_ready(self, name, command):
        """In ms. The metrics port is chosen before, because its file appears only while the program starts."""
        self.world.stop_program(name)
        address = f"127.0.0.1:{choose_port()}"
        command = [address if str(command[place - 1]) == "--metrics-listen" else part for place, part in enumerate(command)]
        begin = time.monotonic()
        self.world.run(name, command)
        with requests.Session() as session:
            session.trust_env = False
            while time.monotonic() < begin + 60:
                try:
                    if session.get(f"http://{address}/readyz", timeout=5).status_code == 200:
                        return (time.monotonic() - begin) * 1000
                except requests.ConnectionError:
                    pass
                time.sleep(0.002)
        raise AssertionError(f"{name} was not ready within 60 s")
