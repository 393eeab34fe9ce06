"""The tests of the page for people (web/test), by Node's own runner."""

import re
import shutil
import subprocess
from pathlib import Path

from support.counts import Count, count_junit
from support.processes import LOGS, run, say

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (20, 12)  # its DecompressionStream knows deflate-raw, as browsers do


def _lacks():
    node = shutil.which("node")
    if not node:
        return "Node is not installed"
    version = subprocess.run([node, "--version"], stdout=subprocess.PIPE, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", version)
    if not found or tuple(map(int, found.groups())) < OLDEST:
        return f"Node is older than {OLDEST[0]}.{OLDEST[1]}"
    return None


def run_web_tests():
    files = sorted((ROOT / "web" / "test").glob("*.test.js"))
    lacking = _lacks()
    if lacking:
        say(f"• the tests of web/ are skipped: {lacking}")
        count = Count()
        count.skip(f"{lacking} (nodejs)", sum(len(re.findall(r"^test\(", file.read_text(), re.MULTILINE)) for file in files))
        return count
    report = LOGS / "web.xml"
    report.unlink(missing_ok=True)
    code = run("running web/test", ["node", "--test", "--test-reporter=spec", "--test-reporter-destination=stdout", "--test-reporter=junit",
                                    f"--test-reporter-destination={report}", *files], "web", check=False)
    if not report.exists():
        return Count(failed=1, failures=[f"web/test (ended with {code} before its report, see {LOGS / 'web.log'})"])
    count = count_junit(report)
    if code != 0 and count.failed == 0:
        count.failed += 1
        count.failures.append(f"web/test (exit code {code})")
    if count.failed:
        say((LOGS / "web.log").read_text(errors="replace")[-8000:])
    return count
