"""A network namespace for a browser. In that of a cluster, interfaces come and go with the pods, and each time Chromium breaks off what
it loads (ERR_NETWORK_CHANGED). Here it sees the loopback interface only, and one server: at `site`, behind a relay."""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def _enter():
    """A new namespace for this thread, and for the processes that it starts."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"no network namespace: {os.strerror(ctypes.get_errno())}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


class Lonely:
    """`target` is host:port, as this thread reaches it. Needs root. `sent` counts the bytes that went to the server."""

    def __init__(self, target):
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self.sent = 0
        self._limit = None  # of `sent`; then nothing is carried until mend()
        self._inside = ThreadPoolExecutor(max_workers=1, initializer=_enter)
        self._listener = self.run(lambda: socket.create_server(("127.0.0.1", 0), backlog=64))
        self.site = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def run(self, function, *arguments):
        """Calls the function inside; processes that it starts stay there."""
        return self._inside.submit(function, *arguments).result()

    def cut_after(self, count):
        """Breaks the connection that carries the byte of that number from now on to the server, and takes no other until mend()."""
        self._limit = self.sent + count

    def mend(self):
        self._limit = None

    def _is_cut(self):
        return self._limit is not None and self.sent >= self._limit

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._inside.shutdown()

    def _count(self, data):
        self.sent += len(data)
        if self._is_cut():
            raise ConnectionAbortedError

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, client):
        try:
            if self._is_cut():
                raise ConnectionAbortedError
            server = socket.create_connection(self._target)
        except OSError:
            client.close()  # the browser sees a server that does not answer
            return
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server, self._count)
        for side in (client, server) if self._is_cut() else ():
            with contextlib.suppress(OSError):  # it is closed already
                side.shutdown(socket.SHUT_RDWR)
        back.join()
        client.close()
        server.close()


def _pump(source, sink, count=lambda data: None):
    """Until the source ends, or `count` raises; then the sink is told."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            count(data)
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
