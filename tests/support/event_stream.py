"""Server-Sent Events with `requests`, as far as this server uses them."""

import json


class Events:
    """A stream at a path below /api/v1."""

    def __init__(self, rest, path, last_id=None):
        headers = {**rest.identity.headers(), **({"Last-Event-ID": last_id} if last_id else {})}
        self.answer = rest.session.get(rest.base + path, headers=headers, stream=True, timeout=60)
        self.last_id = last_id
        self.lines = self.answer.iter_lines(chunk_size=1, decode_unicode=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.answer.close()

    def __iter__(self):
        """(event, data) of each event."""
        kind, data = "", ""
        for line in self.lines:
            name, _, value = line.partition(": ")
            if name == "id":
                self.last_id = value
            elif name == "event":
                kind = value
            elif name == "data":
                data = value
            elif not line and data:
                yield kind, json.loads(data)
                kind, data = "", ""

    def until(self, wanted):
        for kind, data in self:
            if wanted(kind, data):
                return data
        raise AssertionError("the stream ended before")

    def state(self):
        """The ids of the full state with which a stream begins."""
        jobs = {}
        for kind, data in self:
            assert kind == "state", (kind, data)
            jobs.update((job["job_id"], job) for job in data["jobs"])
            if data["last"]:
                return jobs
        raise AssertionError("the stream ended before")


def says(kind, data, job):
    """What an event says of a job: its status, "deleted", or None. A full state without it says that it was deleted."""
    if kind == "state":
        states = {one["job_id"]: one["job_status"] for one in data["jobs"]}
        return states.get(job, "deleted" if data["last"] else None)
    if data["job_id"] != job:
        return None
    return "deleted" if kind == "deleted" else data["job_status"]
