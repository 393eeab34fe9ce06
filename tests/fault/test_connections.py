"""A source that has as many connections as it may gets 429 for the next one, until one of them ends."""

import http.client
import socket

from platform_client import wait_until


def held(address):
    """A connection that the server serves and keeps; None if it turns it away."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request("GET", "/api/v1/usage")
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):  # closed before the request was sent
        connection.close()
        return None
    if answer.status != 429:
        return connection
    connection.close()
    return None


def refusal(address):
    """What the server says to a connection before anything is sent."""
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        return connection.makefile("rb").read()


def test_an_address_with_too_many_connections(world):
    with world.another_server(flags=["--max-connections-per-address", "2"]) as address:
        # Those that asked whether it serves may not have ended yet.
        kept = [wait_until("there is a place", lambda: held(address)) for _ in range(2)]
        refused = refusal(address)
        assert refused.startswith(b"HTTP/1.1 429 ")
        assert b"--max-connections-per-address" in refused
        assert b'RateLimit-Policy: "connections-of-address";q=2;qu="concurrent-requests"\r\n' in refused
        kept[0].close()
        kept.append(wait_until("there is a place again", lambda: held(address)))
        for connection in kept:
            connection.close()
