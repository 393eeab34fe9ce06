#!/usr/bin/env bash
# scripts/checks/check-coroutines.py takes the forms of co_await that g++ 12 compiles well and refuses the others.
set -euo pipefail
HERE="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$HERE/lib.bash"
check="$HERE/../../scripts/checks/check-coroutines.py"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT

verdict() {
  printf 'Task<int> g() {\n  %s\n}\n' "$1" >"$folder/snippet.cpp"
  if python3 "$check" "$folder/snippet.cpp" >/dev/null; then echo taken; else echo refused; fi
}

while IFS= read -r code; do
  expect "taken: $code" taken "$(verdict "$code")"
done <<'TAKEN'
co_await f();
co_await f(name, 2, true, object.member, *pointer);
co_await object.member().f(text.data() + begin, text.size() - begin);
const auto x = co_await http::run_on(pool, work);
object.member = co_await f(name);
done += co_await socket.async_write_some(asio::buffer(bytes.data() + done, most), asio::redirect_error(kAwait, error));
if (x == 1) co_return co_await f(name);
for (;;) co_await f(name);
switch (x) { case 1: co_return co_await f(std::move(*name)); }
co_await asio::async_initiate<const T&, void()>(initiate, kAwait);
const auto text = "no co_await here: if (co_await f())"; // nor if (co_await f())
TAKEN

while IFS= read -r code; do
  expect "refused: $code" refused "$(verdict "$code")"
done <<'REFUSED'
if (co_await f()) return;
while (!co_await f()) {}
for (auto x : co_await f()) {}
switch (co_await f()) {}
co_await f("text");
co_await f('c');
co_await f(std::string(name));
co_await f({name, 2});
co_await f(T{name});
co_await f([&] { return 1; });
const auto x = co_await f(g(name));
const auto x = co_await f(a ? b : c);
const auto x = a ? co_await f(name) : 0;
const auto x = a && co_await f(name);
const auto x = co_await f(name) + 1;
const auto x = (co_await f(name)).member;
const T x{co_await f(name)};
g(co_await f(name));
g(1, co_await f(name));
return co_await f(name);
const auto x = co_await name;
co_await T{name};
const auto x = !co_await f(name);
REFUSED
finish
