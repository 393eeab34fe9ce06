"""How many tests passed, failed and were skipped, and why they were, from the reports of the test programs."""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass, field

# The packages of Debian with the programs that tests need and that may be absent. A module of Python is in python3-<its name>.
PACKAGES = {"7z": "p7zip-full", "bsdtar": "libarchive-tools", "cargo": "cargo", "cmake": "cmake", "curl": "curl", "go": "golang", "jar": "default-jdk-headless",
            "java": "default-jdk", "javac": "default-jdk", "node": "nodejs", "npm": "npm", "zip": "zip"}


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)
    reasons: Counter = field(default_factory=Counter)  # why tests were skipped, and how many for each

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.reasons += other.reasons

    def skip(self, reason, tests=1):
        self.skipped += tests
        self.reasons[reason] += tests

    def skips(self):
        """A line for each reason."""
        return [f"skipped: {reason}" + (f" ({tests} tests)" if tests > 1 else "") for reason, tests in sorted(self.reasons.items())]

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def plain_reason(text):
    """The reason of a skip in one line: what is missing and the package that has it, if that is known."""
    text = " ".join(re.sub(r"^Skipped: ", "", text.strip()).split()) or "no reason is given"
    module = re.match(r"could not import '([\w.]+)'", text)
    if module:
        return f"{module[1]} (python3-{module[1].split('.')[0].replace('_', '-')})"
    program = re.match(r"(\S+) is (?:not installed|missing)$", text)
    if program and program[1] in PACKAGES:
        return f"{program[1]} ({PACKAGES[program[1]]})"
    return text


def count_googletest(report):
    """From a report in XML: that in JSON has no reasons of skips."""
    count = Count()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None:
            count.failed += 1
            count.failures.append(name)
        elif skipped is not None:
            # "<file>:<line>", then what was streamed into GTEST_SKIP().
            count.skip(plain_reason(skipped.get("message", "").partition("\n")[2]))
        elif case.get("result") == "suppressed":
            count.skip(f"{name} is disabled")
        else:
            count.passed += 1
    return count


def count_junit(report):
    count = Count()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            count.failed += 1
            count.failures.append(name)
        elif skipped is not None:
            count.skip(plain_reason(skipped.get("message") or name))
        else:
            count.passed += 1
    return count


def count_last_line(log):
    """Counts of scripts that end with `N passed, N failed, N skipped`; a line `skip  REASON` for each skip."""
    lines = log.read_text(errors="replace").splitlines()
    for line in reversed(lines):
        found = re.match(r"^(?:\S+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", line.strip())
        if found:
            count = Count(*(int(part or 0) for part in found.groups()))
            count.reasons.update(plain_reason(line.partition("skip  ")[2]) for line in lines if line.startswith("skip  "))
            return count
    return Count(failed=1, failures=[f"{log.stem} (printed no count)"])
