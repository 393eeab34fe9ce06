"""Many requests that wait for one job (`GET /job/:id?wait`), each on a connection of its own."""

import selectors
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

from measure import memory

PATIENCE = 60  # seconds for all connections together to be made, or to be answered


class Waiters:
    """`count` connections from this process, without threads."""

    def __init__(self, base, path, headers, count):
        target = urlsplit(base + path)
        self.address = (target.hostname, target.port)
        query = f"?{target.query}" if target.query else ""
        lines = [f"GET {target.path}{query} HTTP/1.1", f"Host: {target.netloc}", *(f"{name}: {value}" for name, value in headers.items())]
        self.request = ("\r\n".join(lines) + "\r\n\r\n").encode()
        self.connections = []
        for _ in range(count):
            connection = socket.create_connection(self.address, timeout=PATIENCE)
            self.connections.append(connection)
            connection.sendall(self.request)

    def read_answers(self):
        """The number of answers by status code. Raises TimeoutError if one does not come."""
        statuses = {}
        with selectors.DefaultSelector() as selector:
            for connection in self.connections:
                selector.register(connection, selectors.EVENT_READ)
            end = time.monotonic() + PATIENCE
            while selector.get_map():
                ready = selector.select(end - time.monotonic())
                if not ready:
                    raise TimeoutError(f"{len(selector.get_map())} of {len(self.connections)} requests got no answer")
                for key, _ in ready:
                    status = key.fileobj.recv(65536).split(b" ", 2)[1].decode()
                    statuses[status] = statuses.get(status, 0) + 1
                    selector.unregister(key.fileobj)
        return statuses

    def close(self):
        for connection in self.connections:
            connection.close()


def threads_of(pid):
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def measure_waiters(pid, base, path, headers, count, until_all_wait, change):
    """What `count` requests cost the server `pid` while they wait, and how fast they are answered after `change()`.

    until_all_wait(): returns when the server counts them all. change(): changes the state of the job."""
    before, threads_before = memory(pid)["rss_mib"], threads_of(pid)
    waiters = Waiters(base, path, headers, count)
    try:
        until_all_wait()
        used, threads = memory(pid)["rss_mib"], threads_of(pid)
        change()
        begin = time.monotonic()
        statuses = waiters.read_answers()
        took = time.monotonic() - begin
    finally:
        waiters.close()
    return {"count": count, "rss_mib": used, "growth_mib": used - before, "threads": threads, "more_threads": threads - threads_before,
            "answered_s": round(took, 3), "statuses": statuses}
