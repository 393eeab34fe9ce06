"""The shell blocks of a page of docs/, for tests that run them as they stand."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Block:
    section: str  # the heading above it
    number: int  # in its section, from 1; blocks that are not run are counted, too
    text: str
    not_run: str  # why the tests do not run it; empty: they do

    @property
    def name(self):
        return f"{self.section} {self.number}"


def shell_blocks(page):
    """All ```sh blocks of a page. `<!-- not run by the tests: REASON -->` in the line above the block takes it out."""
    found, section, above, opened, lines = [], "", "", None, []
    for line in page.splitlines():
        if opened is not None:
            if line.strip() == "```":
                number = 1 + sum(block.section == section for block in found)
                reason = re.fullmatch(r"<!-- not run by the tests: (.+) -->", above)
                found.append(Block(section, number, "\n".join(lines) + "\n", reason[1] if reason else ""))
                opened = None
            else:
                lines.append(line[opened:] if not line[:opened].strip() else line)
            continue
        if line.startswith("#"):
            section = line.lstrip("#").strip()
        if line.strip() == "```sh":
            opened, lines = len(line) - len(line.lstrip()), []
        else:
            above = line.strip()
    return found
