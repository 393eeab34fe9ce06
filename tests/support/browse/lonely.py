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
    """`target` is host:port, as this thread reaches it. Needs root."""

    def __init__(self, target):
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._inside = ThreadPoolExecutor(max_workers=1, initializer=_enter)
        self._listener = self.run(lambda: socket.create_server(("127.0.0.1", 0), backlog=64))
        self.site = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def run(self, function, *arguments):
        """Calls the function inside; processes that it starts stay there."""
        return self._inside.submit(function, *arguments).result()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._inside.shutdown()

    def _accept(self):
        with contextlib.suppress(OSError):  # closed
            while True:
                threading.Thread(target=self._serve, args=(self._listener.accept()[0],), daemon=True).start()

    def _serve(self, client):
        try:
            server = socket.create_connection(self._target)
        except OSError:
            client.close()  # the browser sees a server that does not answer
            return
        back = threading.Thread(target=_pump, args=(server, client), daemon=True)
        back.start()
        _pump(client, server)
        back.join()
        client.close()
        server.close()


def _pump(source, sink):
    """Until the source ends; then the sink is told."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
