# Counting for the scripts of this folder: each check is one line, the last line is `N passed, N failed, N skipped`.
PASSED=0
FAILED=0
SKIPPED=0

pass() {
  PASSED=$((PASSED + 1))
  printf 'ok    %s\n' "$1"
}

# fail NAME [DETAIL]: goes on with the next check.
fail() {
  FAILED=$((FAILED + 1))
  printf 'FAIL  %s\n' "$1"
  if [[ -n "${2:-}" ]]; then printf '%s\n' "$2" | head -n 20 | sed 's/^/      /'; fi
}

skip() {
  SKIPPED=$((SKIPPED + 1))
  printf 'skip  %s\n' "$1"
}

# expect NAME WANT GOT
expect() {
  if [[ "$3" == "$2" ]]; then pass "$1"; else fail "$1" "want: $2"$'\n'"got:  $3"; fi
}

# expect_match NAME PATTERN TEXT: an extended regular expression somewhere in the text.
expect_match() {
  if grep -qE -- "$2" <<<"$3"; then pass "$1"; else fail "$1" "want a match of: $2"$'\n'"got: $3"; fi
}

# finish: prints the last line; its status is the script's.
finish() {
  printf '%d passed, %d failed, %d skipped\n' "$PASSED" "$FAILED" "$SKIPPED"
  ((FAILED == 0))
}
