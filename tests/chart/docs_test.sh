#!/usr/bin/env bash
# docs/configuration.md must match the programs' --help and the chart's values. Skipped if the programs are not built.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
ROOT="$(cd "$HERE/../.." && pwd)"
. "$HERE/lib.bash"
for bin in "$ROOT/build/dev/bin" "$ROOT/build/release/bin" ""; do
  # Programs that are older than the source of their options show old options.
  if [[ "$bin/api-server" -nt "$ROOT/api-server/config.cpp" && "$bin/controller" -nt "$ROOT/controller/config.cpp" ]]; then break; fi
done
if [[ -z "$bin" ]]; then
  skip "docs/configuration.md (build the programs first)"
elif answer="$("$ROOT/scripts/checks/configuration-tables.py" --check "$bin" 2>&1)"; then
  pass "docs/configuration.md has every option and value, as they are"
else
  fail "docs/configuration.md has every option and value, as they are" "$answer"
fi

# The table of reasons in docs/operations.md is the one of the code (lib/job/causes.cpp).
if [[ -n "$bin" && "$bin/controller" -nt "$ROOT/lib/job/causes.cpp" ]]; then
  in_docs="$(sed -n '/<!-- reasons: begin/,/<!-- reasons: end/p' "$ROOT/docs/operations.md" | sed '1d;$d')"
  expect "docs/operations.md has the reasons of the code" "$("$bin/controller" reasons)" "$in_docs"
else
  skip "docs/operations.md has the reasons of the code (build the programs first)"
fi

# What docs/security.md names must exist: files, and tests of C++ (Suite.Name) and Python (file.py::name).
absent="$(cd "$ROOT" && python3 - <<'CODE'
import re
from pathlib import Path

page = Path("docs/security.md").read_text()
suites = set()
for file in Path("tests/unit").rglob("*.cpp"):
    for suite, name in re.findall(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", file.read_text(), re.MULTILINE):
        suites.add(f"{suite}.{name}")
for named in sorted(set(re.findall(r"`([^`]+)`", page)) | {f"docs/{link}" for link in re.findall(r"\]\(([^)#]+)", page)}):
    path, _, test = named.partition("::")
    if re.fullmatch(r"[A-Z]\w+\.[A-Z]\w+", named):
        found = named in suites
    elif re.fullmatch(r"[\w.-]+(/[\w.-]+)+", path) and (Path(path.split("/")[0]).is_dir() or test):
        found = Path(path).exists() and (not test or re.search(rf"^def {test}\(", Path(path).read_text(), re.MULTILINE))
    else:
        continue
    if not found:
        print(named)
CODE
)"
expect "docs/security.md names what exists" "" "$absent"

# docs/operations.md must describe every metric in the code, and no other.
in_code="$(grep -rhoE '"vbrain_[a-z_]+"' "$ROOT"/{api-server,controller,lib} --include='*.cpp' --include='*.hpp' | tr -d '"' | sort -u)"
in_docs="$(grep -oE '`vbrain_[a-z_]+' "$ROOT/docs/operations.md" | tr -d '`' | sort -u)"
expect "docs/operations.md has every metric" "$in_code" "$in_docs"
finish
