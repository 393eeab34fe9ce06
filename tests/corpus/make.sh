#!/usr/bin/env bash
# Makes the files of this folder anew with the programs that made them, and compares.
#   make.sh            compares
#   make.sh --write    replaces the files
# The libraries come from npm, PyPI, Maven and Go, and minizip and PHP from Debian, in fixed versions, into a temporary folder;
# nothing is installed. A program that is missing is skipped, and with it what it makes. LibreOffice is used if it is
# installed (Debian: libreoffice-calc-nogui).
set -euo pipefail
FOLDER="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
WORK="$(mktemp -d)"
trap 'chmod -R u+w "$WORK"; rm -rf "$WORK"' EXIT
MADE="$WORK/made"
mkdir -p "$MADE/archives/"{node,java,go,debian,refused} "$MADE/workbooks" "$MADE/forms"
export TZ=UTC LC_ALL=C.UTF-8

has() {
  command -v "$1" >/dev/null && return
  echo "make.sh: $1 is missing: what it makes is skipped" >&2
  return 1
}
# Runs a command that prints much, and shows its output only if it fails.
quietly() {
  "$@" >"$WORK/log" 2>&1 || { cat "$WORK/log" >&2; echo "make.sh: failed: $*" >&2; exit 1; }
}
record() {
  quietly python3 "$FOLDER/record.py" "$MADE/forms" "$@"
}

if has npm; then
  mkdir "$WORK/node"
  cp "$FOLDER/node/package.json" "$WORK/node/"
  (cd "$WORK/node" && quietly npm install --no-audit --no-fund --no-package-lock)
  export NODE_PATH="$WORK/node/node_modules"
  node "$FOLDER/node/archives.js" "$MADE/archives/node"
  node "$FOLDER/node/workbooks.js" "$MADE/workbooks"
  record node_fetch node "$FOLDER/node/forms.js" node_fetch URL
  record form_data node "$FOLDER/node/forms.js" form_data URL
fi

if has python3; then
  quietly python3 -m venv "$WORK/python"
  quietly "$WORK/python/bin/pip" install -r "$FOLDER/python/requirements.txt"
  "$WORK/python/bin/python" "$FOLDER/python/workbooks.py" "$MADE/workbooks"
  for client in curl requests httpx aiohttp aiohttp_unquoted; do
    record "$client" "$WORK/python/bin/python" "$FOLDER/python/forms.py" "$client" URL
  done
fi

if has mvn && has javac; then
  quietly mvn -q -B -f "$FOLDER/java/pom.xml" dependency:copy-dependencies -DoutputDirectory="$WORK/jars"
  quietly javac -encoding UTF-8 -cp "$WORK/jars/*" -d "$WORK/classes" "$FOLDER"/java/*.java
  run_java=(java -Dfile.encoding=UTF-8 -cp "$WORK/classes:$WORK/jars/*")
  "${run_java[@]}" Streamed "$MADE/archives/java/java.zip" UTF-8
  "${run_java[@]}" Streamed "$MADE/archives/java/java-ibm850.zip" IBM850
  "${run_java[@]}" Archives "$MADE/archives/java" "$MADE/archives/refused"
  for client in java apache5 apache5_extended apache5_legacy okhttp; do
    record "$client" "${run_java[@]}" Forms "$client" URL LINES
  done
fi

if has go; then
  (cd "$FOLDER/go" && quietly go build -o "$WORK/corpus" .)
  "$WORK/corpus" archives "$MADE/archives/go"
  "$WORK/corpus" workbook "$MADE/workbooks/excelize.xlsx"
  record go "$WORK/corpus" forms URL CASES
fi

if has apt-get && has dpkg; then
  mkdir "$WORK/debian"
  (cd "$WORK/debian" && chmod 777 . && quietly apt-get download minizip libminizip1 php8.2-cli php8.2-curl php8.2-common &&
    for package in *.deb; do dpkg -x "$package" tree; done)
  tree="$WORK/debian/tree/usr"
  export LD_LIBRARY_PATH="$tree/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo x86_64-linux-gnu)"
  if quietly "$tree/bin/php8.2" -n -v; then
    record php "$tree/bin/php8.2" -n -d "extension_dir=$tree/lib/php/20220829" -d extension=curl.so "$FOLDER/php/forms.php" URL
  fi
  mkdir -p "$WORK/minizip/d"
  cd "$WORK/minizip"
  printf '1,2\n' >n.csv
  printf 'a;b\n' >relatório.csv
  head -c 20000 /dev/zero >d/zeros.bin
  : >d/none.csv
  touch -d 2020-07-01T12:34:56Z n.csv relatório.csv d/*
  names=(n.csv relatório.csv d/zeros.bin d/none.csv)
  quietly "$tree/bin/minizip" -o "$MADE/archives/debian/minizip.zip" "${names[@]}"
  quietly "$tree/bin/minizip" -o -0 "$MADE/archives/debian/minizip-stored.zip" "${names[@]}"
  quietly "$tree/bin/minizip" -o -p password "$MADE/archives/refused/minizip-password.zip" "${names[@]}"
  unset LD_LIBRARY_PATH
  cd "$FOLDER"
fi

if has soffice; then
  printf 'açaí,2\n' >"$WORK/table.csv"
  quietly soffice -env:UserInstallation="file://$WORK/office" --headless --convert-to xlsx:"Calc MS Excel 2007 XML" \
    --outdir "$WORK/office-out" "$WORK/table.csv"
  mv "$WORK/office-out/table.xlsx" "$MADE/workbooks/libreoffice.xlsx"
fi

if [[ "${1:-}" == --write ]]; then
  cp -r "$MADE"/. "$FOLDER/"
else
  python3 "$FOLDER/compare.py" "$MADE" "$FOLDER"
fi
