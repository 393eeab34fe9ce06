// What tests/generated/README.md says, with the client that openapi-generator made for TypeScript.
import {
  Configuration, JobEventFromJSON, JobsApi, JobStatus, RepositoriesApi, ResponseError, ResultsApi, TenantApi, ModelErrorFromJSON,
} from './client';

const env = process.env as Record<string, string>;
const identity: Record<string, string> = {
  username: env.VBRAIN_USERNAME, organization_id: env.VBRAIN_ORGANIZATION_ID, application_id: env.VBRAIN_APPLICATION_ID,
  client_id: env.VBRAIN_CLIENT_ID, 'x-api-key': env.VBRAIN_API_KEY,
};
const configuration = new Configuration({basePath: env.VBRAIN_URL + '/api/v1', apiKey: (name) => identity[name]});
const jobs = new JobsApi(configuration);
const results = new ResultsApi(configuration);
const repositories = new RepositoriesApi(configuration);
const tenant = new TenantApi(configuration);

const bytes = async (blob: Blob) => Buffer.from(await blob.arrayBuffer());

async function ended(jobId: string) {
  for (;;) {
    const info = await jobs.getJob({jobId, wait: 50});
    if (info.jobStatus === JobStatus.Finished || info.jobStatus === JobStatus.Failed) return info;
  }
}

async function main() {
  const seen: Record<string, unknown> = {};
  const file = new File(['a,b\n10,20\n'], 'numbers.csv');
  const {repositoryId} = await repositories.createRepository({file, metadata: {name: 'generated'}});
  const described = await repositories.getRepository({repositoryId});
  seen.repository = [described.name, described.input, described.createdBy];
  seen.uploaded = (await bytes(await repositories.downloadRepositoryInputFile({repositoryId, path: 'numbers.csv'}))).toString();

  const idempotencyKey = env.VBRAIN_KEY;
  const {jobId} = await jobs.executeJob({repositoryId, idempotencyKey});
  seen.replayed = (await jobs.executeJob({repositoryId, idempotencyKey})).jobId === jobId;

  // The raw answer has the stream; the model reads each event.
  const stream = (await jobs.streamJobEventsRaw({jobId})).raw.body!;
  let text = '';
  const statuses: string[] = [];
  for await (const part of stream.pipeThrough(new TextDecoderStream()) as unknown as AsyncIterable<string>) {
    const lines = (text + part).split('\n');
    text = lines.pop()!;
    for (const line of lines.filter((each) => each.startsWith('data:'))) {
      const event = JobEventFromJSON(JSON.parse(line.slice(5)));
      if (event.jobId !== jobId) throw new Error(`an event of ${event.jobId}`);
      statuses.push(event.jobStatus);
    }
  }
  seen.last_event = statuses.at(-1);

  const info = await ended(jobId);
  seen.job = [info.jobStatus, info.reason, info.repositoryId === repositoryId];
  seen.output = (await results.getJobResult({jobId, wait: 50})).output;
  const listed = await jobs.listJobs({repositoryId});
  seen.jobs = listed.length === 1 && listed[0] === jobId;
  seen.role = (await tenant.getUsage()).role;

  const whole = await bytes(await results.downloadJobOutput({jobId}));
  const begun = (await results.downloadJobOutputRaw({jobId})).raw;
  const reader = begun.body!.getReader();
  let first = Buffer.alloc(0);
  while (first.length < 40) first = Buffer.concat([first, (await reader.read()).value!]);
  first = first.subarray(0, 40);
  await reader.cancel();
  const rest = await results.downloadJobOutputRaw({jobId, range: 'bytes=40-', ifRange: begun.headers.get('etag')!});
  seen.resumed = [rest.raw.status, Buffer.concat([first, await bytes(await rest.value())]).equals(whole)];
  seen.file = (await bytes(await results.downloadJobOutputFile({jobId, path: 'product.txt'}))).toString();

  const {jobIds} = await jobs.executeBatch({repositoryId, batch: {params: [{a: 3, b: 4}, {a: 5, b: 6}]}});
  const batch: unknown[] = [];
  for (const each of jobIds) {
    await ended(each);
    batch.push((await results.getJobResult({jobId: each, wait: 50})).output);
  }
  seen.batch = batch;

  await repositories.deleteRepository({repositoryId});
  try {
    await jobs.getJob({jobId});
  } catch (refusal) {
    if (!(refusal instanceof ResponseError) || refusal.response.status !== 404) throw refusal;
    seen.refusal = ModelErrorFromJSON(await refusal.response.json()).error;
  }
  console.log(JSON.stringify(seen));
}

main().catch((error) => { console.error(error); process.exit(1); });
