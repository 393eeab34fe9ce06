"""A server of the REST API as a transport of httpx: no socket, and its faults come when the test wants them."""

import json

import httpx

JOB = "01939c3e-7a61-7c0e-9f7e-3f7c1a2b4c5d"
KEY = "vb_abcdef_" + "s3cret" * 8
IDENTITY = {"url": "http://server", "username": "Operações", "organization_id": "acme", "application_id": "Probe",
            "client_id": "north", "api_key": KEY}


def info(status, **more):
    return {"job_id": JOB, "job_status": status, "repository_id": "202009231629398695", "name": "N", "input": [],
            "created_on": "2020-09-23_16:31:02", "created_by": "ana", "params": True, "metadata": {}, "attempts": 1, **more}


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that is read while it comes."""

    def __init__(self, data):
        self.data = data

    def __iter__(self):
        yield self.data
        self.end()

    async def __aiter__(self):
        yield self.data
        self.end()

    def end(self):
        pass


class Cut(Body):
    """A body whose connection breaks."""

    def end(self):
        raise httpx.ReadError("cut")


class Parts(Body):
    """A body in several pieces; an exception among them is raised. Knows whether it was closed."""

    def __init__(self, *parts):
        super().__init__(b"")
        self.parts = parts
        self.closed = False

    def __iter__(self):
        for part in self.parts:
            if isinstance(part, Exception):
                raise part
            yield part

    async def __aiter__(self):
        for part in self:
            yield part

    def close(self):
        self.closed = True

    async def aclose(self):
        self.closed = True


class FakeServer(httpx.MockTransport):
    """`answers` are given one after the other: (status, JSON or bytes[, headers]), an exception, or a function of the request."""

    def __init__(self, *answers):
        super().__init__(self.serve)
        self.answers = list(answers)
        self.requests = []

    def serve(self, request):
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(request)
        status, body, *headers = answer
        made = {"X-Request-Id": "r-1", **(headers[0] if headers else {})}
        if not isinstance(body, Body):
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            made["Content-Length"] = str(len(content))
            body = Body(content)
        return httpx.Response(status, headers=made, stream=body)

    def calls(self):
        return [f"{request.method} {request.url.raw_path.decode()}" for request in self.requests]


def document(idempotent):
    """An OpenAPI document of a server that knows Idempotency-Key, or does not."""
    parameters = [{"$ref": "#/components/parameters/IdempotencyKey"}] if idempotent else [{"name": "repository_id"}]
    return {"paths": {"/job/execute": {"post": {"parameters": parameters}}}}
