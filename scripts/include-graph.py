#!/usr/bin/env python3
"""Draws who includes whom, from the #include lines of the tree, into docs/architecture.md (between the two markers).

include-graph.py           writes the pictures into the page
include-graph.py --check   changes nothing; fails if the page tells another tale than the tree, or if folders include
                           each other in a circle
"""

import collections
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- includes: begin (scripts/include-graph.py) -->", "<!-- includes: end -->"
FOLDERS = ["lib", "api-server", "controller", "runner"]
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def place_of(path):
    """("kube", "kube/api") for lib/kube/api/pod.hpp and for the include path kube/api/pod.hpp; a file that lies directly
    in its folder has no room: ("base", "base")."""
    parts = path.removeprefix("lib/").split("/")
    return parts[0], "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def read_includes():
    """Counters of include lines: between folders, and between the rooms of each folder."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", *FOLDERS], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split()
    folders = collections.Counter()
    rooms = collections.defaultdict(collections.Counter)
    for name in listed:
        file = ROOT / name
        if file.suffix not in (".cpp", ".hpp") or not file.exists():
            continue
        folder, room = place_of(name)
        for included in INCLUDE.findall(file.read_text()):
            other_folder, other_room = place_of(included)
            if other_folder != folder:
                folders[folder, other_folder] += 1
            elif other_room != room:
                rooms[folder][room, other_room] += 1
    return folders, rooms


def circle_in(edges):
    """Nodes of one circle, or nothing."""
    following = collections.defaultdict(set)
    for source, target in edges:
        following[source].add(target)
    done = set()

    def walk(node, path):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        for target in sorted(following[node]):
            if found := walk(target, path + [node]):
                return found
        done.add(node)
        return None

    for start in sorted(following):
        if found := walk(start, []):
            return found
    return None


def without_detours(edges):
    """The edges that no longer way stands for: what is left is enough to read the order of the folders."""
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


def pictures(folders, rooms):
    text = ["An arrow means: has files that include files of. Where a way over another folder says the same, the arrow is left out.",
            "", draw(without_detours(folders), "TD")]
    for folder in sorted(rooms):
        text += ["", f"The rooms of `{folder}` (the name alone stands for the files that lie in no room):", "",
                 draw(sorted(rooms[folder]), "LR")]
    return "\n".join(text)


def main():
    folders, rooms = read_includes()
    if circle := circle_in(folders):
        sys.exit("folders include each other in a circle: " + " -> ".join(circle))
    page = PAGE.read_text()
    if BEGIN not in page or END not in page:
        sys.exit(f"{PAGE.relative_to(ROOT)} has lost the markers of the pictures")
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    new = f"{before}{BEGIN}\n{pictures(folders, rooms)}\n{END}{after}"
    if sys.argv[1:] == ["--check"]:
        if new != page:
            sys.exit("the pictures in docs/architecture.md differ from the tree: run scripts/include-graph.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        PAGE.write_text(new)


main()
