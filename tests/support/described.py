"""Compares answers of a server with its OpenAPI document."""

import copy
import json
import re

import jsonschema
from event_stream import Events

WHERE = "mend api-server/openapi/document (README.md there) or the server"

# Headers that the document leaves out, with the reason.
NOT_DESCRIBED = {
    "content-type": "OpenAPI has it as `content` of the answer, and ignores it among the headers",
    "content-length": "HTTP frames the body with it",
    "transfer-encoding": "HTTP frames the body with it",
    "connection": "it is of the connection, and a proxy replaces it",
    "date": "RFC 9110 has every server send it",
}


def closed(schema):
    """The schema with `additionalProperties: false` wherever it lists properties: a key that is not described is found."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema and schema.get("type") == "object":
        made.setdefault("additionalProperties", False)
    return made


class Described:
    def __init__(self, document):
        self.document = document
        strict = copy.deepcopy(document)
        strict["components"]["schemas"] = closed(strict["components"]["schemas"])
        self._resolver = jsonschema.RefResolver("", strict)
        self._paths = [(re.compile(self._pattern(path)), path) for path in document["paths"]]
        # Fixed paths go before those with variables.
        self._paths.sort(key=lambda pair: "{" in pair[1])

    @staticmethod
    def _pattern(path):
        # {path} takes slashes too.
        return "^" + re.sub(r"\\{(\w+)\\}", lambda name: "(.+)" if name[1] == "path" else "([^/]+)", re.escape(path)) + "$"

    def find(self, method, path):
        """The operation of a request below /api/v1."""
        path = path.partition("?")[0]
        for pattern, name in self._paths:
            if pattern.match(path) and method.lower() in self.document["paths"][name]:
                return self.document["paths"][name][method.lower()]
        raise AssertionError(f"not described: {method} {path}")

    def resolve(self, item):
        while "$ref" in item:
            found = self.document
            for step in item["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            item = found
        return item

    def problems(self, method, path, answer):
        """What in the answer (of `requests`) the document does not describe, as a list of sentences."""
        described = self._answer(method, path, answer)
        if described is None:
            return [f"the status {answer.status_code} is not described ({answer.text[:200]})"]
        return [*self._of_headers(described, answer), *self._of_body(described, answer)]

    def event_problems(self, method, path, kind, data):
        """The same of one event of a stream that was answered with 200. `data` is its JSON."""
        described = self.resolve(self.find(method, path)["responses"]["200"])
        schema = described["content"]["text/event-stream"]["x-event-data"].get(kind)
        if schema is None:
            return [f"the event {kind!r} is not described"]
        return list(self._of_json(f"the event {kind}", schema, data))

    def problems_of_headers(self, method, path, answer):
        """The same without the body, which is not read."""
        described = self._answer(method, path, answer)
        return list(self._of_headers(described, answer)) if described else [f"the status {answer.status_code} is not described"]

    def _answer(self, method, path, answer):
        described = self.find(method, path)["responses"].get(str(answer.status_code))
        return None if described is None else self.resolve(described)

    def _of_headers(self, described, answer):
        for name, header in described.get("headers", {}).items():
            header = self.resolve(header)
            value = answer.headers.get(name)
            if value is None:
                if header.get("required"):
                    yield f"the header {name} is missing"
                continue
            typed = int(value) if header["schema"].get("type") == "integer" else value
            for error in jsonschema.Draft202012Validator(header["schema"]).iter_errors(typed):
                yield f"the header {name}: {error.message}"
        known = {*NOT_DESCRIBED, *map(str.lower, described.get("headers", {}))}
        yield from (f"the header {name} is not described" for name in answer.headers if name.lower() not in known)

    def _of_body(self, described, answer):
        content = described.get("content", {})
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if not content or answer.request.method == "HEAD":
            if answer.content:
                yield "there is a body"
            return
        media = content.get(kind) or content.get("*/*")
        if media is None:
            yield f"the type {kind!r} is not described"
        elif kind == "application/json" and kind in content:
            yield from self._of_json("the body", media["schema"], json.loads(answer.content))

    def _of_json(self, what, schema, value):
        validator = jsonschema.Draft202012Validator(closed(schema), resolver=self._resolver)
        for error in validator.iter_errors(value):
            yield f"{what} at /{'/'.join(map(str, error.absolute_path))}: {error.message}"


class Caller:
    """Sends requests and compares the answers with the document."""

    def __init__(self, described):
        self.described = described

    def __call__(self, user, status, method, path, headers=None, **arguments):
        answer = user.call(method, path, headers, **arguments)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        problems = self.described.problems(method, path, answer)
        assert not problems, f"{method} {path}, {status}: {problems}: {WHERE}"
        return answer

    def follow(self, user, path, until, last_id=None):
        """Compares the events of a stream up to the first for which `until` is true. Returns the id of the last one."""
        with Events(user, path, last_id) as events:
            problems = self.described.problems("GET", path, events.answer)
            for kind, data in events:
                problems += self.described.event_problems("GET", path, kind, data)
                assert not problems, f"GET {path}: {problems}: {WHERE}"
                if until(kind, data):
                    return events.last_id
        raise AssertionError(f"GET {path}: the stream ended before")

    def read(self, user, path, status=200, **headers):
        """A GET, once more with its ETag, and with If-Match."""
        answer = self(user, status, "GET", path, headers)
        if "ETag" in answer.headers:
            self(user, 304, "GET", path, {**headers, "If-None-Match": answer.headers["ETag"]})
        self(user, 412, "GET", path, {**headers, "If-Match": '"other"'})
        return answer

    def download(self, user, path):
        answer = self.read(user, path)
        self(user, 206, "GET", path, {"Range": "bytes=0-0"})
        self(user, 416, "GET", path, {"Range": "bytes=999999-"})
        return answer
