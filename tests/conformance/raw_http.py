"""HTTP requests that normal clients do not send."""

import http.client
import json
import socket


def request(address, method, target, headers=(), body=b""):
    """Sends the target and the headers, a list of pairs of text or bytes, as they are, and returns (status, headers, body)."""
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        # http.client would refuse such targets.
        connection._validate_path = lambda _: None
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body or None)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def send(address, data):
    """Sends bytes and returns (status, parsed JSON body) of the first answer."""
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(data)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, json.loads(answer.read())
