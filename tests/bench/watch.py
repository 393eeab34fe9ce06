"""A watch of Jobs, drained by the Informer of our controller, and read by curl."""

import os
import signal
import statistics
import subprocess
import time

from measure import alternate
from report import Row, beside


def used_by(process, begin):
    """Waits for a program; elapsed and CPU time of it since `begin`, in ms."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return {"elapsed_ms": (time.monotonic() - begin) * 1000, "cpu_ms": (used.ru_utime + used.ru_stime) * 1000}


class WatchBenchmark:
    """`path`: the collection of at least `events` Jobs in `namespace`. The API server sends each as an event first."""

    def __init__(self, world, namespace, path, events):
        self.world, self.namespace, self.path, self.events = world, namespace, path, events

    def informer(self):
        begin = time.monotonic()
        process = subprocess.Popen([self.world.programs / "bench" / "drain_watch", self.world.kubeconfig, self.namespace, str(self.events)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        used = used_by(process, begin)
        assert process.returncode == 0, process.stderr.read()
        return used

    def curl(self):
        """Until the last of the events is there: `head` counts them."""
        begin = time.monotonic()
        curl = subprocess.Popen(["curl", "-sSfN", "--max-time", "120", *self.world.curl_identity(),
                                 f"{self.world.kube.server}{self.path}?watch=true&resourceVersion=0&timeoutSeconds=300"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        with open(os.devnull, "wb") as nothing:
            head = subprocess.run(["head", "-n", str(self.events)], stdin=curl.stdout, stdout=nothing, check=True)
        assert head.returncode == 0
        elapsed = (time.monotonic() - begin) * 1000
        assert curl.poll() is None, f"curl ended with {curl.returncode} before {self.events} events"
        # Not curl.kill(), which looks first whether it has ended, and then nobody can ask what it used.
        os.kill(curl.pid, signal.SIGKILL)
        used = used_by(curl, begin)
        curl.stdout.close()
        return {**used, "elapsed_ms": elapsed}

    def run(self, rounds):
        """Rows and results."""
        results = alternate(self.world, rounds, informer=self.informer, curl=self.curl)
        ours, peer = ({key: statistics.median(one[key] for one in results[name]) for key in ("elapsed_ms", "cpu_ms")}
                      for name in ("informer", "curl"))
        what = f"{self.events:,} watch events drained by our informer"
        rows = [Row(f"{what}, elapsed time", f"{ours['elapsed_ms']:.0f} ms",
                    beside("curl, the same stream", f"{peer['elapsed_ms']:.0f} ms"), ours["elapsed_ms"] / peer["elapsed_ms"], 1.5,
                    at_most=True),
                Row(f"{what}, CPU time", f"{ours['cpu_ms']:.0f} ms", beside("curl, the same stream", f"{peer['cpu_ms']:.0f} ms"),
                    ours["cpu_ms"] / max(peer["cpu_ms"], 1))]
        return rows, results
