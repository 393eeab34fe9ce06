"""How many tests passed, failed and were skipped, from the reports of the test programs."""

import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list = field(default_factory=list)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count_googletest(report):
    count = Count()
    for suite in json.loads(report.read_text())["testsuites"]:
        for case in suite["testsuite"]:
            name = f"{suite['name']}.{case['name']}"
            if case.get("failures"):
                count.failed += 1
                count.failures.append(name)
            elif case.get("result") in ("SKIPPED", "SUPPRESSED"):
                count.skipped += 1
            else:
                count.passed += 1
    return count


def count_junit(report):
    count = Count()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            count.failed += 1
            count.failures.append(name)
        elif case.find("skipped") is not None:
            count.skipped += 1
        else:
            count.passed += 1
    return count


def count_last_line(log):
    """Counts of scripts that end with `N passed, N failed, N skipped`."""
    for line in reversed(log.read_text(errors="replace").splitlines()):
        found = re.match(r"^(?:\S+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", line.strip())
        if found:
            return Count(*(int(part or 0) for part in found.groups()))
    return Count(failed=1, failures=[f"{log.stem} (printed no count)"])
