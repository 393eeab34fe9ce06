#!/usr/bin/env bash
# Makes the archives of this folder anew with their writers and compares what is in them (names and contents).
#   make.sh            compares
#   make.sh --write    replaces the archives
# It needs node with npm, which loads the writers, and a JDK. A writer that is missing is skipped.
set -euo pipefail
FOLDER="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
WORK="$(mktemp -d)"
trap 'rm -rf "$WORK"' EXIT
mkdir "$WORK/made"

if command -v npm >/dev/null; then
  cp "$FOLDER/writers.js" "$WORK/"
  (cd "$WORK" && npm install --silent --no-audit --no-fund jszip@3.10.2 archiver@7.0.1 yazl@3.3.1 fflate@0.8.3 >npm.log 2>&1) ||
    { cat "$WORK/npm.log" >&2; exit 1; }
  (cd "$WORK" && TZ=UTC node writers.js made)
else
  echo "make.sh: npm is missing: its writers are skipped" >&2
fi
if command -v java >/dev/null; then
  TZ=UTC java -Dfile.encoding=UTF-8 "$FOLDER/Streamed.java" "$WORK/made/java.zip" UTF-8
  TZ=UTC java -Dfile.encoding=UTF-8 "$FOLDER/Streamed.java" "$WORK/made/java-ibm850.zip" IBM850
else
  echo "make.sh: java is missing: its archives are skipped" >&2
fi

if [[ "${1:-}" == --write ]]; then
  cp "$WORK"/made/*.zip "$FOLDER/"
  exit 0
fi
python3 - "$WORK/made" "$FOLDER" <<'EOF'
import pathlib, sys, zipfile

def content(path):
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}

made, kept = map(pathlib.Path, sys.argv[1:])
wrong = [path.name for path in sorted(made.glob("*.zip"))
         if not (kept / path.name).exists() or content(path) != content(kept / path.name)]
print(f"{len(list(made.glob('*.zip')))} archives made, {len(wrong)} differ: {', '.join(wrong) or 'none'}")
sys.exit(1 if wrong else 0)
EOF
