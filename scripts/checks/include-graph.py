#!/usr/bin/env python3
"""Draws the includes between folders into docs/architecture.md, between the two markers. Reads the #include lines.

include-graph.py           writes the diagrams into the page
include-graph.py --check   changes nothing; fails if the page differs from the source tree

Both fail if the includes between folders have a cycle, or those between the subfolders of a folder in ACYCLIC.
"""

import collections
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- includes: begin (scripts/checks/include-graph.py) -->", "<!-- includes: end -->"
FOLDERS = ["lib", "api-server", "controller", "runner"]
ACYCLIC = ["controller"]
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def folders_of(path):
    """Folder and subfolder of a file: ("kube", "kube/api") for lib/kube/api/pod.hpp and for the include path
    kube/api/pod.hpp. A file directly in its folder gives the folder twice: ("base", "base")."""
    parts = path.removeprefix("lib/").split("/")
    return parts[0], "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def read_includes():
    """Counts the include lines between folders, and between the subfolders of each folder."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *FOLDERS], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split()
    folders = collections.Counter()
    subfolders = collections.defaultdict(collections.Counter)
    for name in listed:
        file = ROOT / name
        if file.suffix not in (".cpp", ".hpp") or not file.exists():
            continue
        folder, subfolder = folders_of(name)
        for included in INCLUDE.findall(file.read_text()):
            other_folder, other_subfolder = folders_of(included)
            if other_folder != folder:
                folders[folder, other_folder] += 1
            elif other_subfolder != subfolder:
                subfolders[folder][subfolder, other_subfolder] += 1
    return folders, subfolders


def find_cycle(edges):
    """The nodes of one cycle, or None."""
    following = collections.defaultdict(set)
    for source, target in edges:
        following[source].add(target)
    done = set()

    def visit(node, path):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        for target in sorted(following[node]):
            if found := visit(target, path + [node]):
                return found
        done.add(node)
        return None

    for start in sorted(following):
        if found := visit(start, []):
            return found
    return None


def direct_edges(edges):
    """The edges that no longer path implies (the transitive reduction)."""
    following = collections.defaultdict(set)
    for source, target in edges:
        following[source].add(target)

    def reaches(start, goal, direct):
        waiting = [node for node in following[start] if not (direct and node == goal)]
        seen = set()
        while waiting:
            node = waiting.pop()
            if node == goal:
                return True
            if node not in seen:
                seen.add(node)
                waiting += following[node]
        return False

    return [edge for edge in sorted(edges) if not reaches(*edge, direct=True)]


def identifier(name):
    return re.sub(r"[^a-z0-9]", "_", name)


def draw(edges, direction):
    lines = ["```mermaid", f"flowchart {direction}"]
    for name in sorted({node for edge in edges for node in edge}):
        lines.append(f"  {identifier(name)}[{name}]")
    lines += [f"  {identifier(source)} --> {identifier(target)}" for source, target in edges]
    return "\n".join(lines + ["```"])


def diagrams(folders, subfolders):
    text = ["An arrow from A to B means: files of A include files of B. An arrow is left out where a path over another folder implies it.",
            "", draw(direct_edges(folders), "TD")]
    for folder in sorted(subfolders):
        text += ["", f"The subfolders of `{folder}` (the name of the folder alone stands for the files directly in it):", "",
                 draw(sorted(subfolders[folder]), "LR")]
    return "\n".join(text)


def main():
    folders, subfolders = read_includes()
    if cycle := find_cycle(folders):
        sys.exit("folders include each other in a cycle: " + " -> ".join(cycle))
    for folder in ACYCLIC:
        if cycle := find_cycle(subfolders[folder]):
            sys.exit(f"subfolders of {folder} include each other in a cycle: " + " -> ".join(cycle))
    page = PAGE.read_text()
    if BEGIN not in page or END not in page:
        sys.exit(f"{PAGE.relative_to(ROOT)} lacks the markers of the diagrams")
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    new = f"{before}{BEGIN}\n{diagrams(folders, subfolders)}\n{END}{after}"
    if sys.argv[1:] == ["--check"]:
        if new != page:
            sys.exit("the diagrams in docs/architecture.md differ from the tree: run scripts/checks/include-graph.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        PAGE.write_text(new)


main()
