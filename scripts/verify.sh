#!/usr/bin/env bash
# Checks that need no test run: formatting, includes between folders, copies, scripts. It reports all problems, not only
# the first.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
wrong=0
complain() {
  printf 'verify: %s\n' "$1" >&2
  wrong=1
}
# The files of the clone, tracked or not, without ignored ones. (git grep --untracked leaves out ignored files, too.)
files() { git ls-files -co --exclude-standard "$@"; }

unformatted="$(files -z '*.cpp' '*.hpp' | xargs -0 clang-format --dry-run -Werror 2>&1 | grep -oE '^[^:]+:[0-9]+' |
  cut -d: -f1 | sort -u || true)"
[[ -z "$unformatted" ]] || complain "not formatted (make format): $(tr '\n' ' ' <<<"$unformatted")"

# A folder, and the folders that its files must not include. See docs/architecture.md.
rules='
lib/base (http|kube|job|artifacts|api-server|controller|runner)/
lib/http (kube|job|artifacts|api-server|controller|runner)/
lib/kube (http|job|artifacts|api-server|controller|runner)/
lib/job (http|artifacts|api-server|controller|runner)/
lib/artifacts (http|kube|job|api-server|controller|runner)/
api-server (controller|runner)/
controller (api-server|runner)/
runner (http|kube|job|api-server|controller)/
'
while read -r folder forbidden; do
  [[ -n "$folder" ]] || continue
  hits="$(git grep --untracked -nE "#include *\"$forbidden" -- "$folder" || true)"
  [[ -z "$hits" ]] || complain "$folder must not include this: $hits"
done <<<"$rules"
graph="$(scripts/checks/include-graph.py --check 2>&1)" || complain "$graph"
[[ "$(git grep --untracked -lE '#include *[<"](cpprest|pplx)' -- '*.cpp' '*.hpp' | grep -v '^lib/kube/transport/rest_transport' | wc -l)" == 0 ]] ||
  complain "cpprest is included outside lib/kube/transport/rest_transport.cpp"
hits="$(git grep --untracked -nE '(system_clock|steady_clock)::now|gettimeofday' -- 'controller/planning/*.cpp' \
  controller/pods/*.cpp lib/kube/runtime/lease.cpp lib/artifacts/store/layout.cpp || true)"
[[ -z "$hits" ]] || complain "a pure file reads a clock: $hits"

hits="$(files -z '*.cpp' '*.hpp' | xargs -0 python3 scripts/checks/check-coroutines.py || true)"
[[ -z "$hits" ]] || complain "a co_await that g++ 12 may compile wrongly: $hits"

long="$(files '*.cpp' '*.hpp' '*.py' '*.sh' | xargs wc -l | awk '$2 != "total" && $1 > 450 {print $2 " (" $1 " lines)"}')"
[[ -z "$long" ]] || complain "longer than 450 lines: $long"
while read -r script; do bash -n "$script" || complain "$script is not valid bash"; done < <(files '*.sh' .ci/run)
if [[ -x scripts/checks/verify-chart.sh ]]; then scripts/checks/verify-chart.sh || complain "the chart (see above)"; fi
documented="$(tests/chart/docs_test.sh)" || complain "$documented"

((wrong == 0)) && say "verify: no problem found"
exit "$wrong"
