#!/usr/bin/env python3
"""Records the multipart bodies of HTTP clients.

record.py FOLDER CLIENT COMMAND...   runs the command with the server's URL in place of the word URL; it POSTs each case of
forms/cases.json to URL/CLIENT/CASE. The requests are written to FOLDER/CLIENT.json in the order of the cases.
A body is text of which each character is one byte (ISO-8859-1), so that it can be read and compared.
"""
import base64
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).parent
recorded = {}


class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        body = self.read_chunks() if chunked else self.rfile.read(int(self.headers["Content-Length"]))
        recorded[self.path.split("/")[2]] = {"content_type": self.headers["Content-Type"], "chunked": chunked,
                                             "body": body.decode("latin-1")}
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def read_chunks(self):
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *unused):
        pass


def as_lines(cases):
    """The cases for programs without a JSON reader: see java/Forms.java."""
    lines = []
    for case in cases:
        parts = [("file", file["name"], file["content"]) for file in case["files"]]
        parts += [(name, "", case[name]) for name in ("params", "metadata") if name in case]
        columns = [case["case"]]
        for field, filename, content in parts:
            columns += [field, filename, base64.b64encode(content.encode()).decode()]
        lines.append("\t".join(columns))
    return "\n".join(lines) + "\n"


def main():
    folder, client, *command = sys.argv[1:]
    cases = json.loads((HERE / "forms/cases.json").read_text())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as work:
        lines = pathlib.Path(work, "cases.tsv")
        lines.write_text(as_lines(cases))
        words = {"URL": f"http://127.0.0.1:{server.server_port}", "CASES": str(HERE / "forms/cases.json"), "LINES": str(lines)}
        environment = dict(os.environ, CORPUS=str(HERE), NO_PROXY="*", no_proxy="*", LC_ALL="C.UTF-8")
        subprocess.run([words.get(word, word) for word in command], check=True, cwd=work, env=environment)
    server.shutdown()
    missing = [case["case"] for case in cases if case["case"] not in recorded]
    if missing:
        sys.exit(f"record.py: {client} did not send {', '.join(missing)}")
    requests = [{"case": case["case"], **recorded[case["case"]]} for case in cases]
    pathlib.Path(folder, f"{client}.json").write_text(json.dumps(requests, indent=1) + "\n")


main()
