// Requests to the REST API. No drawing here, and no state but whether the server answers.
import {ApiError, errorOf, isAbort} from './errors.js';
import {nextLink} from './link.js';
import {parseJson} from '../preview/json.js';
import {pause, sleep} from '../state/backoff.js';

// The bytes of the text in UTF-8, each as one character: so fetch sends header values as the server reads them.
export const headerValue = (text) => String.fromCharCode(...new TextEncoder().encode(text));

export const identityHeaders = (identity) =>
  Object.fromEntries(Object.entries(identity).map(([name, value]) => [name, headerValue(value)]));

// The body of an answer, by the name of one of its methods ('text', 'arrayBuffer'). A connection that breaks meanwhile is told as one
// that broke before.
export async function bodyOf(answer, how = 'text') {
  try {
    return await answer[how]();
  } catch (problem) {
    throw isAbort(problem) ? problem : new ApiError('away');
  }
}

// The JSON of an answer. What is none comes from a proxy, or is a fault.
export async function jsonOf(answer, parse = JSON.parse) {
  const text = await bodyOf(answer);
  try {
    return parse(text);
  } catch {
    throw new ApiError('server', {status: answer.status, requestId: answer.headers.get('x-request-id') ?? ''});
  }
}

// base: the URL of the API, with a '/' at its end. identity(): the present one. onAway(yes): the server does not answer,
// or answers again. onKeyRefused(): the key is not taken any more.
export function createClient({base, identity, fetch, onAway = () => {}, onKeyRefused = () => {}, wait = sleep}) {
  async function send(method, path, {headers = {}, body, signal, query} = {}) {
    const url = new URL(path, base);
    // The identity goes to this server only, whatever a reference says.
    if (!url.href.startsWith(base)) throw new Error('a reference to another server');
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== '' && value !== undefined && value !== null) url.searchParams.set(name, value);
    }
    let answer;
    try {
      answer = await fetch(url, {
        method, body, signal,
        headers: {...identityHeaders(identity() ?? {}), ...headers},
        // The answers are the user's: nothing of them is in the browser's cache, and no cookie is sent.
        cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer',
      });
    } catch (problem) {
      if (isAbort(problem) || signal?.aborted) throw problem;
      throw new ApiError('away');
    }
    if (answer.ok || answer.status === 304) return answer;
    const error = errorOf(answer.status, (name) => answer.headers.get(name), await answer.text().catch(() => ''));
    throw method === 'POST' ? await refusal(error, signal) : told(error);
  }

  function told(error) {
    if (error.kind === 'key') onKeyRefused();
    return error;
  }

  // The error of a POST as it is to be shown. A 401 may also mean that the Application does not allow the organization new work
  // (docs/api.md); then the key is still taken for reading.
  async function refusal(error, signal) {
    if (error.kind !== 'key') return error;
    try {
      await send('GET', 'usage', {signal});
    } catch (problem) {
      return problem;
    }
    return Object.assign(error, {kind: 'closed'});
  }

  // A request that may be repeated. It is, until there is a whole answer: the page goes on by itself when the server is back.
  // take(answer): reads what is wanted of it; its promise is waited for, and a connection that breaks in its middle repeats the request.
  async function read(path, options = {}, take = (answer) => answer) {
    for (let count = 0; ; ++count) {
      try {
        const taken = await take(await send(options.method ?? 'GET', path, options));
        onAway(false);
        return taken;
      } catch (problem) {
        if (problem.kind !== 'away') {
          if (problem instanceof ApiError) onAway(false);
          throw problem;
        }
        if (count > 0 || problem.status === 0) onAway(true);
        await wait(pause(count, {atLeast: problem.retryAfter}), options.signal);
      }
    }
  }

  const json = (path, options) => read(path, options, (answer) => jsonOf(answer));
  const text = (path, options) => read(path, options, (answer) => bodyOf(answer));
  // Of what is asked once.
  const sent = async (...request) => jsonOf(await send(...request));
  const id = encodeURIComponent;
  // A path in a URL, its '/' as they are.
  const filePath = (name) => name.split('/').map(id).join('/');

  function page(path, options) {
    return read(path, options, async (answer) => {
      const next = nextLink(answer.headers.get('link'));
      return {items: await jsonOf(answer), next: next === null ? null : new URL(next, new URL(path, base)).href};
    });
  }

  // A page may have fewer rows than were asked for, or none, and a further page behind it. Reads on from `first`, a page, until
  // there are `least` rows or there is no further page. options: those of the request for `first`.
  async function filled(first, least, options) {
    let {items, next} = first;
    while (next !== null && items.length < least) {
      const more = await page(next, options);
      items = [...items, ...more.items];
      next = more.next;
    }
    return {items, next};
  }

  return {
    send, read, filled, refusal,
    // A check of an identity that is not signed in yet. It is asked once: the user waits for the answer.
    usage: (options) => json('usage', options),
    // {application, params_schema, result_schema}; the schemas are absent where there is none.
    application: (options) => json('application', options),
    jobs: (query, options) => page('job', {query: {page_size: 100, order: 'desc', view: 'full', ...query}, ...options}),
    repositories: (query, options) =>
      page('repository', {query: {page_size: 100, order: 'desc', view: 'full', ...query}, ...options}),
    nextPage: (reference, options) => page(reference, options),
    // wait: seconds for which the server may hold the answer back until the state changes.
    job: (job, {wait: seconds, ...options} = {}) => json(`job/${id(job)}`, {query: {jobs: false, wait: seconds}, ...options}),
    result: (job, options) => text(`job/${id(job)}/result`, options),
    jobParams: (job, options) => text(`job/${id(job)}/params`, options),
    outputs: (job, options) => json(`job/${id(job)}/output/files`, options),
    outputFile: (job, name) => `job/${id(job)}/output/files/${filePath(name)}`,
    output: (job) => `job/${id(job)}/output`,
    logs: (job) => `job/${id(job)}/logs`,
    // The answer goes on until the job has ended.
    logStream: (job, stream, options) => send('GET', `job/${id(job)}/logs/stream`, {query: {stream, tail: 20_000}, ...options}),
    // What is there now, and no more: of a log whose archive is too large.
    logEnd: (job, stream, options) => send('GET', `job/${id(job)}/logs/stream`, {query: {stream, tail: 200_000, follow: false}, ...options}),
    // The numbers in its metadata stay as they were written.
    repository: (repository, options) => read(`repository/${id(repository)}`, {query: {jobs: false}, ...options}, (answer) => jsonOf(answer, (body) => parseJson(body))),
    repositoryParams: (repository, options) => text(`repository/${id(repository)}/params`, options),
    inputs: (repository, options) => json(`repository/${id(repository)}/input/files`, options),
    inputFile: (repository, name) => `repository/${id(repository)}/input/files/${filePath(name)}`,
    input: (repository) => `repository/${id(repository)}/input`,
    // Makes {repository_id}. body: JSON text.
    makeRepository: (body, key, options) => sent('POST', 'repository', {body, headers: {'content-type': 'application/json', 'idempotency-key': key}, ...options}),
    // Makes many jobs, all or none: {job_ids}. body: JSON text.
    batch: (repository, body, key, options) =>
      sent('POST', 'job/batch', {body, headers: {'content-type': 'application/json', 'idempotency-key': key, repository_id: repository}, ...options}),
    // Asked once: a 503 may say that the cluster does not know keys yet, and that is shown.
    keys: async (options) => (await sent('GET', 'keys', options)).keys,
    // {key_id, api_key, username}; the server refuses an Idempotency-Key, because it does not have the secret a second time.
    makeKey: (body, options) => sent('POST', 'keys', {body, headers: {'content-type': 'application/json'}, ...options}),
    deleteKey: (key, options) => send('DELETE', `keys/${id(key)}`, options),
    deleteJob: (job, options) => send('DELETE', `job/${id(job)}`, options),
    deleteRepository: (repository, options) => send('DELETE', `repository/${id(repository)}`, options),
    cancelJob: (job, options) => send('POST', `job/${id(job)}/cancel`, options),
    retryJob: (job, key, options) => sent('POST', `job/${id(job)}/retry`, {headers: {'idempotency-key': key}, ...options}),
  };
}
