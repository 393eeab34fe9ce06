#!/usr/bin/env python3
"""Writes the tables of docs/configuration.md from their sources: the programs' --help and the chart's values.yaml.

    configuration-tables.py [--check] BIN    BIN is a folder with api-server and controller

A table is between `<!-- table NAME -->` and `<!-- end -->`. With --check nothing is written, and a different table is an error.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "configuration.md"
CHART = ROOT / "helm" / "vbrain"
PROGRAMS = {"api-server": "apiServer", "controller": "controller"}


def cell(text):
    return text.replace("|", "\\|").replace("<", "\\<").strip()


def code(text):
    return f"`{text}`" if text else ""


def duration(text):
    """CLI11 prints 75000ms for 75 s."""
    found = re.fullmatch(r"(\d+)ms", text)
    return f"{int(found[1]) // 1000}s" if found and int(found[1]) % 1000 == 0 else text


def chart_values(program, part):
    """Environment name -> the chart value that sets it, or how the chart computes it. The page explains <name>."""
    template = (CHART / "templates" / f"{program}.yaml").read_text()
    own_name = re.search(r'\$name := printf "%s(-[\w-]+)" \(include "vbrain.fullname" \.\)', template)
    computed = {'{{ include "vbrain.claimName" . | quote }}': "`volume.existingClaim`, else `<name>-volume`",
                "{{ $name | quote }}": f"`<name>{own_name[1]}`",
                "/etc/vbrain/tls/tls.crt": "`tls.crt` of `apiServer.tls`", "/etc/vbrain/tls/tls.key": "`tls.key` of `apiServer.tls`",
                "/etc/vbrain/webhooks": "the files of `controller.webhooks.secretName`",
                "$(POD_NAME)": "the pod's name", "$(POD_NAMESPACE)": "the release's namespace"}
    found = {}
    # _helpers.tpl has the variables that both programs get.
    for line in (template + (CHART / "templates" / "_helpers.tpl").read_text()).splitlines():
        variable = re.match(r"\s*- \{name: (VBRAIN_\w+), value: (.*)\}$", line)
        if not variable:
            continue
        value = re.search(r"\$values\.([\w.]+)|\.Values\.([\w.]+)", variable[2])
        if value:
            found[variable[1]] = code(f"{part}.{value[1]}" if value[1] else value[2])
        elif variable[2] in computed:
            found[variable[1]] = computed[variable[2]]
        elif "{{" in variable[2]:
            sys.exit(f"{program}.yaml: {variable[1]} is computed in a way that {Path(__file__).name} does not know")
    return found


def option_table(program, binary):
    text = subprocess.run([binary, "--help"], capture_output=True, text=True, check=True).stdout
    values = chart_values(program, PROGRAMS[program])
    rows = ["| flag and key of the file | environment | chart value | default | range | meaning |", "|---|---|---|---|---|---|"]
    for option in re.split(r"\n  (?=-)", text.split("Options:\n", 1)[1].rstrip()):
        head, _, meaning = option.strip().partition("\n")
        if re.match(r"(-h,)?--(help|help-all|version)\b", head):
            continue
        found = re.match(r"--([\w-]+) ?(.*?) ?\(Env:(\w+)\)(?: Needs:((?: --[\w-]+)+))?$", head)
        if not found:
            sys.exit(f"{program} --help has an option that {Path(__file__).name} does not understand: {head}")
        name, kind, variable, needed = found.groups()
        default = kind.split("=", 1)[1] if "=" in kind else ""
        between = re.search(r"in \[(-?\d+) - (-?\d+)\]", kind)
        if kind.endswith("..."):
            meaning += "; several with commas"
        if needed:
            meaning += "; only together with " + " and ".join(needed.split())
        rows.append("| " + " | ".join((
            code(f"--{name}"), code(variable), values.get(variable, ""),
            code({"BOOLEAN=1": "true"}.get(kind, duration(default))), f"{between[1]} – {between[2]}" if between else "",
            cell(" ".join(meaning.split())))) + " |")
    return rows


def value_table():
    """Every value with the comment above it, which must exist; and every group of values that has a comment."""
    rows = ["| value | default | meaning |", "|---|---|---|"]
    path, comment = [], []
    for line in (CHART / "values.yaml").read_text().splitlines():
        if not line.strip() or line.startswith("# -----"):
            comment = []
            continue
        text = line.strip()
        indent = (len(line) - len(line.lstrip())) // 2
        if text.startswith("#"):
            comment.append(text.removeprefix("#"))
            continue
        key, _, value = text.partition(":")
        path = path[:indent] + [key]
        meaning = cell(" ".join(" ".join(comment).split()))
        if value.strip() and not meaning:
            sys.exit(f"values.yaml: {'.'.join(path)} needs a comment above it that explains it")
        if meaning:
            rows.append(f"| `{'.'.join(path)}` | {code(value.strip())} | {meaning} |")
        comment = []
    return rows


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    if len(arguments) != 1:
        sys.exit(__doc__)
    page = PAGE.read_text()
    tables = {program: option_table(program, Path(arguments[0]) / program) for program in PROGRAMS}
    tables["chart"] = value_table()
    wanted = page
    for name, rows in tables.items():
        wanted, count = re.subn(rf"(<!-- table {name} -->\n).*?(<!-- end -->)", lambda found: found[1] + "\n".join(rows) + "\n" + found[2],
                                wanted, flags=re.S)
        if count != 1:
            sys.exit(f"{PAGE.name} has {count} tables {name}")
    if wanted == page:
        return
    if "--check" in sys.argv:
        sys.exit(f"{PAGE.relative_to(ROOT)} differs from the programs and the chart: run scripts/checks/configuration-tables.py build/dev/bin")
    PAGE.write_text(wanted)


if __name__ == "__main__":
    main()
