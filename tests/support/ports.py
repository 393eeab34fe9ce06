"""Ports for servers that use the same port again after a kill."""

import random
import socket
from pathlib import Path


def choose_port():
    """A free port below the ephemeral range, so that no outgoing connection takes it while its server is down."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(100):
        port = random.randrange(10_000, lowest)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port below the ephemeral ones")
