"""What tests/generated/README.md says, with the client that openapi-generator made for Python."""

import json
import os

import vbrain_generated as vbrain

NAMES = ("username", "organization_id", "application_id", "client_id")
TABLE = b"a,b\n10,20\n"

keys = {name: os.environ["VBRAIN_" + name.upper()] for name in NAMES} | {"x-api-key": os.environ["VBRAIN_API_KEY"]}
client = vbrain.ApiClient(vbrain.Configuration(host=os.environ["VBRAIN_URL"] + "/api/v1", api_key=keys))
jobs, results, repositories, tenant = (kind(client) for kind in (vbrain.JobsApi, vbrain.ResultsApi, vbrain.RepositoriesApi, vbrain.TenantApi))
seen = {}

repository = repositories.create_repository(file=("numbers.csv", TABLE), metadata={"name": "generated"}).repository_id
described = repositories.get_repository(repository)
seen["repository"] = [described.name, described.input, described.created_by]
seen["uploaded"] = bytes(repositories.download_repository_input_file(repository, "numbers.csv")).decode()

key = os.environ["VBRAIN_KEY"]
job = jobs.execute_job(repository_id=repository, idempotency_key=key).job_id
seen["replayed"] = jobs.execute_job(repository_id=repository, idempotency_key=key).job_id == job

# The method for a stream gives the open connection.
statuses, stream = [], jobs.stream_job_events_without_preload_content(job)
for line in stream:
    if line.startswith(b"data:"):
        event = vbrain.JobEvent.from_json(line[5:].decode())
        assert event.job_id == job
        statuses.append(event.job_status.value)
stream.release_conn()
seen["last_event"] = statuses[-1]

while (info := jobs.get_job(job, wait=50)).job_status not in (vbrain.JobStatus.FINISHED, vbrain.JobStatus.FAILED):
    pass
seen["job"] = [info.job_status.value, info.reason, info.repository_id == repository]
seen["output"] = results.get_job_result(job, wait=50).output
seen["jobs"] = [item.actual_instance for item in jobs.list_jobs(repository_id=repository)] == [job]
seen["role"] = tenant.get_usage().role

whole = results.download_job_output_with_http_info(job)
begun = results.download_job_output_without_preload_content(job)
first, etag = begun.read(40), begun.headers["ETag"]
begun.close()
rest = results.download_job_output_with_http_info(job, range="bytes=40-", if_range=etag)
seen["resumed"] = [rest.status_code, first + bytes(rest.data) == bytes(whole.data)]
seen["file"] = bytes(results.download_job_output_file(job, "product.txt")).decode()

batch = jobs.execute_batch(repository_id=repository, batch=vbrain.Batch(params=[{"a": 3, "b": 4}, {"a": 5, "b": 6}])).job_ids
for each in batch:
    while jobs.get_job(each, jobs=False, wait=50).job_status not in (vbrain.JobStatus.FINISHED, vbrain.JobStatus.FAILED):
        pass
seen["batch"] = [results.get_job_result(each, wait=50).output for each in batch]

repositories.delete_repository(repository)
try:
    jobs.get_job(job)
except vbrain.exceptions.NotFoundException as refusal:
    seen["refusal"] = refusal.data.error
print(json.dumps(seen))
