// What the server can do and who may do it, read from its OpenAPI document. Buttons are shown for that only.
import {pause, sleep} from '../state/backoff.js';

const NONE = {documented: false, events: false, logs: false, cancel: false, retry: false, application: false, batch: false, uploads: false, keys: false, callback: false};
// What each role may do besides, by docs/api.md. It is used where the document is not there.
const ROLES = {
  getJob: ['leader', 'developer'],
  deleteJob: ['leader'],
  deleteRepository: ['leader'],
  createRepository: ['leader', 'developer'],
};

// documented: whether the page /docs is there too.
export function featuresOf(document, documented = false) {
  const paths = document?.paths ?? {};
  const of = (path, method) => paths[path]?.[method];
  const features = {
    documented,
    events: Boolean(of('/events', 'get')),
    logs: Boolean(of('/job/{job_id}/logs/stream', 'get')),
    cancel: Boolean(of('/job/{job_id}/cancel', 'post')),
    retry: Boolean(of('/job/{job_id}/retry', 'post')),
    application: Boolean(of('/application', 'get')),
    batch: Boolean(of('/job/batch', 'post')),
    keys: Boolean(of('/keys', 'get') && of('/keys', 'post') && of('/keys/{key_id}', 'delete')),
    uploads: Boolean(of('/uploads', 'post') && of('/uploads/{upload_id}', 'patch')),
    callback: Boolean(document?.components?.schemas?.JobForm?.properties?.callback_url),
  };
  const roles = {...ROLES};
  for (const [name, path] of [['cancel', '/job/{job_id}/cancel'], ['retry', '/job/{job_id}/retry']]) {
    roles[name] = of(path, 'post')?.['x-roles'] ?? [];
  }
  return {...features, roles};
}

export const unknownFeatures = {...NONE, roles: {...ROLES, cancel: [], retry: []}};

// Whether to offer it. As long as the role is not known, only what every role may do that reads jobs.
export function may(features, role, action) {
  return (features.roles[action] ?? []).includes(role);
}

// fetch without identity: the document is the same for everybody. Only a 404 means that there is none. After anything else
// it is asked for again: the server may be starting, or the connection broke.
export async function readFeatures(base, fetch, wait = sleep) {
  for (let count = 0; ; ++count) {
    try {
      const answer = await fetch(new URL('openapi.json', base), {credentials: 'omit', referrerPolicy: 'no-referrer'});
      if (answer.status === 404) return unknownFeatures;
      // The link says that there is a page for people (RFC 8631): the operator can hide it and leave the document.
      if (answer.ok) return featuresOf(await answer.json(), /rel="?service-doc\b/.test(answer.headers.get('Link') ?? ''));
    } catch {
      // No answer, or no JSON.
    }
    await wait(pause(count));
  }
}
