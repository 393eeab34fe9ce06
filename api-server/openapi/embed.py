"""Writes the files that the server carries as C++: embed.py OUT VERSION

These are the OpenAPI document, the page that shows it, and the page for people (web/). Each file is there twice, as it is and packed by gzip, with an
entity tag made of its content. See embedded.hpp.
"""

import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import document

HERE = Path(__file__).resolve().parent
PAGE = HERE / "page"
WEB = HERE.parent.parent / "web"
WEB_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
             ".txt": "text/plain; charset=utf-8"}

LINE = 4096  # bytes of one string literal; the compiler joins them

HEAD = """// Made by api-server/openapi/embed.py.
#include "api-server/openapi/embedded.hpp"

#include <array>

namespace vbrain::api {
namespace {

constexpr std::array<EmbeddedFile, %d> kFiles{{
"""
TAIL = """}};

}  // namespace

std::span<const EmbeddedFile> embedded_files() {
  return kFiles;
}

}  // namespace vbrain::api
"""
PLAIN = {byte: chr(byte) for byte in range(32, 127)} | {
    ord("\n"): "\\n", ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}  # "??" begins a trigraph
ESCAPED = [PLAIN.get(byte, f"\\{byte:03o}") for byte in range(256)]


def literal(data):
    """A std::string_view of the bytes; octal escapes have three digits, so that no following digit belongs to them."""
    lines = ["".join(ESCAPED[byte] for byte in data[at:at + LINE]) for at in range(0, len(data), LINE)] or [""]
    return "std::string_view(" + "\n".join(f'"{line}"' for line in lines) + f", {len(data)})"


def entry(path, media_type, data):
    tag = hashlib.sha256(data).hexdigest()[:32]
    packed = gzip.compress(data, 9, mtime=0)
    return f'{{"{path}", "{media_type}", "{tag}",\n{literal(data)},\n{literal(packed)}}},\n'


def web_files():
    """The page for people. Its modules are named in the page, so that a browser asks for all of them at once (as web/assemble.mjs does).
    Those in a folder `later` are loaded when they are needed."""
    found = sorted(path for folder in ("js", "css") for path in (WEB / folder).rglob("*") if path.suffix in WEB_TYPES)
    modules = "\n".join(f'<link rel="modulepreload" href="web/{path.relative_to(WEB).as_posix()}">'
                        for path in found if path.suffix == ".js" and "later" not in path.relative_to(WEB).parts)
    page = (WEB / "index.html").read_text(encoding="utf-8").replace("<!-- modules -->", modules)
    yield "/", "text/html; charset=utf-8", page.encode()
    for path in [*found, WEB / "mark.svg"]:
        yield f"/web/{path.relative_to(WEB).as_posix()}", WEB_TYPES[path.suffix], path.read_bytes()


def files(version):
    """(path, media type, content) of all files."""
    yield from web_files()
    whole = document.read(HERE / "document", version)
    yield "/api/v1/openapi.json", "application/json", document.text_of(whole).encode()
    # Not a path, so nobody can ask for it (embedded_reply.cpp).
    yield "openapi.json without uploads", "application/json", document.text_of(document.without_uploads(whole)).encode()
    yield "/docs", "text/html; charset=utf-8", (PAGE / "page.html").read_bytes()
    yield "/docs/page.css", "text/css; charset=utf-8", (PAGE / "page.css").read_bytes()
    yield "/docs/page.js", "text/javascript; charset=utf-8", (PAGE / "page.js").read_bytes()
    fetched = subprocess.run([PAGE / "fetch.sh"], stdout=subprocess.PIPE, text=True, check=False)
    if fetched.returncode != 0:
        raise document.Wrong("the page /docs can't be made, see above")
    swagger_ui = Path(fetched.stdout.strip())
    yield "/docs/swagger-ui.css", "text/css; charset=utf-8", (swagger_ui / "swagger-ui.css").read_bytes()
    yield "/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8", (swagger_ui / "swagger-ui-bundle.js").read_bytes()
    license = (PAGE / "notices.txt").read_bytes() + b"\n" + (swagger_ui / "LICENSE").read_bytes()
    yield "/docs/license.txt", "text/plain; charset=utf-8", license


def main(out, version):
    entries = [entry(*file) for file in files(version)]
    Path(out).write_text(HEAD % len(entries) + "".join(entries) + TAIL, encoding="utf-8")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except document.Wrong as problem:
        sys.exit(str(problem))
