"""TCP proxies in front of a server, which a test can cut."""

import socket
import struct
import threading

from ports import choose_port


class Proxy:
    """Forwards connections from its own port on loopback to `target`, (host, port), until it is cut or hangs."""

    def __init__(self, target):
        self.target = target
        self.port = choose_port()
        self._hanging = threading.Event()
        self._lock = threading.Lock()
        self._connections = set()
        self._listener = None
        self.mend()

    def cut(self):
        """Refuses new connections and breaks the existing ones."""
        with self._lock:
            listener, self._listener = self._listener, None
            broken, self._connections = self._connections, set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in broken:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the peer has already closed it
                pass

    def hang(self):
        """Keeps and accepts connections, but forwards nothing."""
        self._hanging.set()

    def mend(self):
        if self._hanging.is_set():
            # Data that was lost must not arrive later.
            self.cut()
            self._hanging.clear()
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self):
        if self._listener is not None:
            self.cut()

    def _accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
                far = socket.create_connection(self.target)
            except OSError:
                return
            with self._lock:
                if self._listener is not listener:
                    near.close()
                    far.close()
                    return
                self._connections |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source, sink):
        try:
            while data := source.recv(65536):
                if not self._hanging.is_set():
                    sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # cut
            pass


class CuttingProxy(Proxy):
    """Breaks a connection when `after` bytes have passed to the server, `cuts` times."""

    def __init__(self, target, cuts, after):
        self.left = cuts
        self.after = after
        super().__init__(target)

    def _carry(self, source, sink):
        passed = 0
        try:
            while data := source.recv(65536):
                sink.sendall(data)
                passed += len(data)
                if passed > self.after and self.left > 0:
                    self.left -= 1
                    sink.shutdown(socket.SHUT_RDWR)
                    self._reset(source)
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # the other end has gone
            self._reset(source)

    @staticmethod
    def _reset(end):
        """Who sends to a connection that is only shut down waits for ever."""
        try:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:  # it is closed already
            return
        end.close()
