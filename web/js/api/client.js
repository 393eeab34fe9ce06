// Requests to the REST API. No drawing here, and no state but whether the server answers.
import {ApiError, errorOf, isAbort} from './errors.js';
import {nextLink} from './link.js';
import {pause, sleep} from '../state/backoff.js';

// The bytes of the text in UTF-8, each as one character: so fetch sends header values as the server reads them.
export const headerValue = (text) => String.fromCharCode(...new TextEncoder().encode(text));

export const identityHeaders = (identity) =>
  Object.fromEntries(Object.entries(identity).map(([name, value]) => [name, headerValue(value)]));

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

  // A request that may be repeated. It is, until there is an answer: the page goes on by itself when the server is back.
  async function read(path, options = {}) {
    for (let count = 0; ; ++count) {
      try {
        const answer = await send(options.method ?? 'GET', path, options);
        onAway(false);
        return answer;
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

  const json = async (path, options) => (await read(path, options)).json();
  const id = encodeURIComponent;
  // A path in a URL, its '/' as they are.
  const filePath = (name) => name.split('/').map(id).join('/');

  async function page(path, options) {
    const answer = await read(path, options);
    const next = nextLink(answer.headers.get('link'));
    const text = next === null ? null : new URL(next, new URL(path, base)).href;
    return {items: await answer.json(), next: text};
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
    result: async (job, options) => (await read(`job/${id(job)}/result`, options)).text(),
    jobParams: async (job, options) => (await read(`job/${id(job)}/params`, options)).text(),
    outputs: (job, options) => json(`job/${id(job)}/output/files`, options),
    outputFile: (job, name) => `job/${id(job)}/output/files/${filePath(name)}`,
    output: (job) => `job/${id(job)}/output`,
    logs: (job) => `job/${id(job)}/logs`,
    // The answer goes on until the job has ended.
    logStream: (job, stream, options) => send('GET', `job/${id(job)}/logs/stream`, {query: {stream, tail: 20_000}, ...options}),
    // What is there now, and no more: of a log whose archive is too large.
    logEnd: (job, stream, options) => send('GET', `job/${id(job)}/logs/stream`, {query: {stream, tail: 200_000, follow: false}, ...options}),
    repository: (repository, options) => json(`repository/${id(repository)}`, {query: {jobs: false}, ...options}),
    repositoryParams: async (repository, options) => (await read(`repository/${id(repository)}/params`, options)).text(),
    inputs: (repository, options) => json(`repository/${id(repository)}/input/files`, options),
    inputFile: (repository, name) => `repository/${id(repository)}/input/files/${filePath(name)}`,
    input: (repository) => `repository/${id(repository)}/input`,
    // Makes {repository_id}. body: JSON text.
    makeRepository: async (body, key, options) => (await send('POST', 'repository', {body, headers: {'content-type': 'application/json', 'idempotency-key': key}, ...options})).json(),
    // Makes many jobs, all or none: {job_ids}. body: JSON text.
    batch: async (repository, body, key, options) =>
      (await send('POST', 'job/batch', {body, headers: {'content-type': 'application/json', 'idempotency-key': key, repository_id: repository}, ...options})).json(),
    // Asked once: a 503 may say that the cluster does not know keys yet, and that is shown.
    keys: async (options) => (await (await send('GET', 'keys', options)).json()).keys,
    // {key_id, api_key, username}; the server refuses an Idempotency-Key, because it does not have the secret a second time.
    makeKey: async (body, options) => (await send('POST', 'keys', {body, headers: {'content-type': 'application/json'}, ...options})).json(),
    deleteKey: (key, options) => send('DELETE', `keys/${id(key)}`, options),
    deleteJob: (job, options) => send('DELETE', `job/${id(job)}`, options),
    deleteRepository: (repository, options) => send('DELETE', `repository/${id(repository)}`, options),
    cancelJob: (job, options) => send('POST', `job/${id(job)}/cancel`, options),
    retryJob: async (job, key, options) => (await send('POST', `job/${id(job)}/retry`, {headers: {'idempotency-key': key}, ...options})).json(),
  };
}
