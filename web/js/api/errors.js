// What went wrong with a request. `kind` says what the page does about it:
// away     no answer, or the server is overloaded or starting: reading goes on by itself
// key      the key is not taken (401)
// closed   new work got 401 though the key is taken: the application is not open for the organization
// upload   an upload is not there any more, or can't be used (404, 409): it is sent anew with the next try
// role     the user's role does not allow it (403)
// missing  the object does not exist, or is another tenant's (404)
// refused  the request is wrong, or too large, or there is no room (other 4xx, 507); `detail` has the remedy
// server   a fault of the server (other 5xx)
export class ApiError extends Error {
  constructor(kind, {status = 0, error = '', detail = '', requestId = '', retryAfter = 0, violations = []} = {}) {
    super(error || kind);
    Object.assign(this, {kind, status, error, detail, requestId, retryAfter, violations});
  }
}

export function kindOf(status) {
  if (status === 401) return 'key';
  if (status === 403) return 'role';
  if (status === 404) return 'missing';
  if (status === 429 || status === 502 || status === 503 || status === 504) return 'away';
  if (status === 507 || status < 500) return 'refused';
  return 'server';
}

// Made of an answer; a body that is no JSON (of a proxy, for example) is left out.
export function errorOf(status, header, text) {
  let body = {};
  try {
    body = JSON.parse(text) ?? {};
  } catch {
    // Not an answer of this API.
  }
  const seconds = Number(header('retry-after'));
  return new ApiError(kindOf(status), {
    status,
    error: typeof body.error === 'string' ? body.error : '',
    detail: typeof body.detail === 'string' ? body.detail : '',
    requestId: header('x-request-id') ?? '',
    violations: violationsOf(body.violations),
    retryAfter: Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0,
  });
}

// What is wrong with the params, each at its place: [{pointer, message}]; of a batch also the `index` of the job.
function violationsOf(list) {
  if (!Array.isArray(list)) return [];
  return list.filter((one) => typeof one?.pointer === 'string' && typeof one.message === 'string').slice(0, 100)
    .map(({pointer, message, index}) => ({pointer, message, ...(Number.isInteger(index) ? {index} : {})}));
}

export const isAbort = (error) => error?.name === 'AbortError';
