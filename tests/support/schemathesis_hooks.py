"""What schemathesis loads for tests/conformance/clients/test_schemathesis.py."""

import json
import os
import re

import jsonschema
import schemathesis

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


@schemathesis.hook
def before_call(context, case, kwargs):
    # A request may wait for a job that waits for many others; one second is enough here.
    query = case.query
    if isinstance(query, dict) and isinstance(query.get("wait"), int) and 1 < query["wait"] <= 60:
        query["wait"] = 1
    # A stream of a job ends with the job, so it is asked for one that has ended.
    if case.operation.path in ("/job/{job_id}/events", "/job/{job_id}/logs/stream"):
        case.path_parameters["job_id"] = os.environ["VBRAIN_ENDED_JOB"]
    body = case.body
    # The schema does not know which hosts the operator allows; here it is none.
    url = body.get("callback_url") if isinstance(body, dict) else None
    if isinstance(url, str) and len(url) <= 2048 and re.match("https?://", url, re.I):
        del body["callback_url"]
    # A form field without text counts as absent (docs/api.md), so it is no wrong one.
    if isinstance(body, dict) and case.media_type == "multipart/form-data":
        for name in ("params", "metadata", "priority", "callback_url"):
            if isinstance(body.get(name), str) and not body[name].strip():
                body[name] = "x"


@schemathesis.check
def only_failed_jobs_are_500(context, response, case):
    """The configuration allows 500 where the result of a job is read, for a job that has failed; nothing else may be 500."""
    if response.status_code == 500:
        assert response.json() == {"error": "Job failed"}, f"500 {response.content!r}"


@schemathesis.check
def events_are_described(context, response, case):
    """OpenAPI 3.1 has no schema for the events of a stream; the document has them as `x-event-data`."""
    if response.status_code != 200 or "text/event-stream" not in response.headers["content-type"][0]:
        return
    document = case.operation.schema.raw_schema
    schemas = document["paths"][case.operation.path]["get"]["responses"]["200"]["content"]["text/event-stream"]["x-event-data"]
    resolver = jsonschema.RefResolver("", document)
    events = re.findall(r"^event: (.*)\ndata: (.*)$", response.content.decode(), re.MULTILINE)
    assert events, response.content
    for name, data in events:
        wrong = [error.message for error in jsonschema.Draft202012Validator(schemas[name], resolver=resolver).iter_errors(json.loads(data))]
        assert wrong == [], data
