#!/usr/bin/env python3
"""A large resumable upload over a link that is cut ten times, while the server is killed once and another one goes on.

  large_upload.py --programs build/release --state FOLDER [--gib 5]

FOLDER needs three times the size. Prints the offsets after each cut, the time, the peak memory of the servers, and whether the input has the
SHA-256 of the file. The exit code is 1 if it has not."""

import argparse
import hashlib
import http.client
import os
import random
import shutil
import sys
import threading
import time
import zipfile
from pathlib import Path

from world import World  # first: it makes tests/support known
from proxy import CuttingProxy
from rest_world import RestWorld

CUTS = 10
PIECE = 256 << 10


def make_archive(path, size):
    """A ZIP with one file of bytes that can't be compressed; the SHA-256 of that file."""
    digest = hashlib.sha256()
    block = bytearray(random.Random(1).randbytes(1 << 20))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive, archive.open("data.bin", "w", force_zip64=True) as out:
        for turn in range(size >> 20):
            block[:8] = turn.to_bytes(8, "little")
            out.write(block)
            digest.update(block)
    return digest.hexdigest()


class Memory:
    """The peak of VmHWM, in KiB, of each api-server."""

    def __init__(self, world):
        self.world = world
        self.peaks = {}
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self):
        while True:
            time.sleep(0.2)
            server = self.world.running.get("api-server")
            if server is None:
                continue
            try:
                status = Path(f"/proc/{server.pid}/status").read_text()
            except OSError:
                continue
            for line in status.splitlines():
                if line.startswith("VmHWM:"):
                    self.peaks[server.pid] = int(line.split()[1])


def call(address, method, path, headers, body=None):
    connection = http.client.HTTPConnection(address, timeout=120)
    try:
        connection.request(method, "/api/v1" + path, body=body, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers
    finally:
        connection.close()


def pieces_of(path, offset, interrupt):
    """The rest of the file; `interrupt` is called after a few pieces."""
    with path.open("rb") as file:
        file.seek(offset)
        turn = 0
        while piece := file.read(PIECE):
            yield piece
            turn += 1
            if turn == 32:
                interrupt()


def upload(world, rest, path):
    total = path.stat().st_size
    headers = {**rest.identity.headers(), "Tus-Resumable": "1.0.0"}
    host, port = rest.user.address.split(":")
    proxy = CuttingProxy((host, int(port)), CUTS, total // (CUTS + 2))
    status, made = call(rest.user.address, "POST", "/uploads", {**headers, "Upload-Length": str(total)})
    assert status == 201, status
    target = "/uploads/" + made["Location"].rpartition("/")[2]
    offset, killed = 0, False

    def kill_once():
        nonlocal killed
        if not killed and offset > total // 2:
            killed = True
            world.running["api-server"].kill()
            world.running["api-server"].wait()

    while offset < total:
        try:
            call(f"127.0.0.1:{proxy.port}", "PATCH", target,
                 {**headers, "Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream", "Content-Length": str(total - offset)},
                 pieces_of(path, offset, kill_once))
        except (OSError, http.client.HTTPException):
            pass  # cut
        if world.running["api-server"].poll() is not None:
            rest.restart_server()
            host, port = rest.user.address.split(":")
            proxy.target = (host, int(port))
            print("killed; another server goes on", flush=True)
        status, seen = call(rest.user.address, "HEAD", target, headers)
        assert status == 200, status
        print(f"offset {seen['Upload-Offset']}, {CUTS - proxy.left} cuts", flush=True)
        offset = int(seen["Upload-Offset"])
    proxy.close()
    return target.rpartition("/")[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--gib", type=float, default=5)
    chosen = parser.parse_args()
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"
    state = chosen.state.resolve()
    state.mkdir(parents=True)
    path = state / "input.zip"
    digest = make_archive(path, int(chosen.gib * (1 << 30)))
    world = World(state, chosen.programs.resolve())
    try:
        world.start()
        rest = RestWorld(world)
        rest.start()
        memory = Memory(world)
        began = time.monotonic()
        made = upload(world, rest, path)
        print(f"{path.stat().st_size} bytes in {time.monotonic() - began:.1f} s, peak memory in KiB: {memory.peaks}", flush=True)
        began = time.monotonic()
        answer = rest.user.session.post(rest.user.base + "/repository", json={"upload_id": made}, headers=rest.identity.headers(), timeout=900)
        assert answer.status_code == 201, answer.text
        files = rest.user.get(f"/repository/{answer.json()['repository_id']}/input/files").json()
        whole = files[0]["sha256"] == digest
        print(f"repository in {time.monotonic() - began:.1f} s, peak memory in KiB: {memory.peaks}; whole: {whole}", flush=True)
        rest.stop()
    finally:
        world.stop()
        shutil.rmtree(state)
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
