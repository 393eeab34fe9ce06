import assert from 'node:assert/strict';
import test from 'node:test';
import {ApiError} from '../js/api/errors.js';
import {createSubmission} from '../js/api/submission.js';
import {sendUpload, uploadId, uploadMetadata} from '../js/api/tus.js';

// A server that keeps what it gets. trouble(count, method): an error instead of the answer of request `count`; 'after' as its second
// value: the server has taken the part all the same.
function serverOf({trouble = () => null} = {}) {
  const parts = [];
  const asked = [];
  let offset = 0;
  const api = {async send(method, path, {headers, body, signal}) {
    signal.throwIfAborted();
    asked.push(`${method} ${path} ${headers['upload-offset'] ?? ''}`.trim());
    assert.equal(headers['tus-resumable'], '1.0.0');
    const [error, taken] = [trouble(asked.length, method) ?? []].flat();
    if (method === 'PATCH' && (!error || taken === 'after' || taken === 'half')) {
      if (Number(headers['upload-offset']) !== offset) throw new ApiError('refused', {status: 409});
      const bytes = new Uint8Array(await body.arrayBuffer()).subarray(0, taken === 'half' ? body.size >> 1 : undefined);
      parts.push(bytes);
      offset += bytes.length;
    }
    if (error) throw error;
    const answers = {'location': 'https://other/prefix/api/v1/uploads/a-1', 'upload-offset': String(offset)};
    return {headers: {get: (name) => answers[name] ?? null}};
  }};
  return {api, asked, content: () => new Blob(parts).text()};
}

const text = 'x0123456789'.repeat(500_000);
const blob = new Blob([text]);
const quick = {wait: async () => {}, now: () => 0, subtle: undefined};

test('a file is sent in parts that grow', async () => {
  const {api, asked, content} = serverOf();
  const progress = [];
  assert.equal(await sendUpload({api, blob, onProgress: (done) => progress.push(done), ...quick}).done, 'a-1');
  assert.equal(await content(), text);
  assert.deepEqual(asked.slice(0, 3), ['POST uploads', 'PATCH uploads/a-1 0', 'PATCH uploads/a-1 1048576']);
  assert.equal(progress.at(-1), blob.size);
});

test('it goes on after lost connections from where the server has it', async () => {
  const lost = new ApiError('away');
  for (const taken of [undefined, 'after', 'half']) {
    const {api, asked, content} = serverOf({trouble: (count) => (count % 3 === 2 ? [lost, taken] : null)});
    const states = [];
    await sendUpload({api, blob, onState: (state) => states.push(state), ...quick}).done;
    assert.equal(await content(), text, String(taken));
    assert.ok(states.includes('away') && states.at(-1) === 'sending');
    assert.ok(asked.some((one) => one.startsWith('HEAD')));
  }
});

test('a part that was damaged is sent again, and not for ever', async () => {
  const damaged = new ApiError('refused', {status: 460});
  const {api, content} = serverOf({trouble: (count, method) => (method === 'PATCH' && count < 5 ? damaged : null)});
  await sendUpload({api, blob, ...quick, subtle: crypto.subtle}).done;
  assert.equal(await content(), text);
  const always = serverOf({trouble: (_, method) => (method === 'PATCH' ? damaged : null)});
  await assert.rejects(sendUpload({api: always.api, blob, ...quick}).done, {status: 460});
});

test('a refusal ends it', async () => {
  const {api, asked} = serverOf({trouble: (count) => (count === 2 ? new ApiError('refused', {status: 507}) : null)});
  await assert.rejects(sendUpload({api, blob, ...quick}).done, {status: 507});
  assert.equal(asked.length, 2);
});

test('it waits while it is paused, and for a new key', async () => {
  const {api, content, asked} = serverOf({trouble: (count) => (count === 3 ? new ApiError('key', {status: 401}) : null)});
  const upload = sendUpload({api, blob, ...quick, onState: (state) => state === 'key' && setImmediate(() => {
    assert.equal(asked.length, 3);
    upload.resume();
  })});
  upload.pause();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(asked.length, 0);
  upload.resume();
  await upload.done;
  assert.equal(await content(), text);
});

test('it ends with its signal', async () => {
  const stop = new AbortController();
  const {api} = serverOf({trouble: () => (stop.abort(), new ApiError('away'))});
  await assert.rejects(sendUpload({api, blob, signal: stop.signal, ...quick}).done, {name: 'AbortError'});
  const paused = new AbortController();
  const upload = sendUpload({api, blob, signal: paused.signal, ...quick});
  upload.pause();
  paused.abort();
  await assert.rejects(upload.done, {name: 'AbortError'});
});

test('an upload that is given up is removed; a busy server is told from a lost connection', async () => {
  const stop = new AbortController();
  const {api, asked} = serverOf({trouble: (count) => (count === 2 ? new ApiError('away', {status: 503}) : count === 3 ? (stop.abort(), new ApiError('away')) : null)});
  const states = [];
  await assert.rejects(sendUpload({api: {send: (method, path, options) => api.send(method, path, {signal: new AbortController().signal, ...options})}, blob, signal: stop.signal, onState: (state) => states.push(state), ...quick}).done, {name: 'AbortError'});
  assert.equal(asked.at(-1), 'DELETE uploads/a-1');
  assert.ok(states.includes('busy'));
});

test('the id is the last part of the address, whoever made it', () => {
  for (const [location, want] of [['/api/v1/uploads/x', 'x'], ['https://h/p/uploads/x%20y?z', 'x y'], ['uploads', null], [null, null], ['/other/x', null], ['./uploads/y', 'y']]) assert.equal(uploadId(location), want);
  assert.equal(uploadMetadata('ö.csv'), 'filename w7YuY3N2');
});

// Waits that end at once, but not for ever.
function few() {
  let left = 100;
  return async () => assert.ok(left-- > 0, 'it is repeated for ever');
}
const refusal = (status, more) => new ApiError(status === 500 ? 'server' : 'away', {status, ...more});

test('a refusal that stays is told with its reason, and not repeated for ever', async () => {
  for (const [status, method, times] of [[500, 'POST', 5], [429, 'POST', 5], [500, 'PATCH', 5], [429, 'PATCH', 5]]) {
    const error = refusal(status, {detail: 'why'});
    const {api, asked} = serverOf({trouble: (_, asking) => (asking === method ? error : null)});
    const states = [];
    await assert.rejects(sendUpload({api, blob, onState: (...state) => states.push(state.join()), ...quick, wait: few()}).done, (problem) => problem === error && Boolean(problem.unmade) === (status === 429 && method === 'POST'));
    assert.equal(asked.filter((one) => one.startsWith(method)).length, times, `${status} ${method}`);
    assert.ok(states.includes('busy,why'));
  }
});

test('refusals between which something is taken do not end it, nor does a server that is away', async () => {
  for (const error of [refusal(429), refusal(503), refusal(502), new ApiError('away')]) {
    const {api, content} = serverOf({trouble: (count) => (error.status === 429 ? count % 5 < 2 : count < 12) ? error : null});
    await sendUpload({api, blob, ...quick, wait: few()}).done;
    assert.equal(await content(), text, String(error.status));
  }
});

test('a server that takes no upload gets the file in the request', async () => {
  for (const more of [{retryAfter: 60_000, detail: 'resumable uploads are turned off'}, {}]) {
    const forms = [];
    let asked = 0;
    class XMLHttpRequest {
      upload = {};
      open() {}
      setRequestHeader() {}
      getResponseHeader() { return null; }
      send(form) {
        forms.push(Object.fromEntries(form));
        this.status = 201;
        this.responseText = '{"job_id":"1"}';
        queueMicrotask(this.onload);
      }
    }
    const file = new File([new Uint8Array(9 << 20)], 'a.zip');
    const api = {send: async () => (++asked, Promise.reject(refusal(429, more)))};
    const waits = [];
    const most = few();
    const submission = createSubmission({api, base: 'http://h/', identity: () => ({username: 'ana'}), uploads: () => true, XMLHttpRequest, wait: (time) => (waits.push(time), most())});
    const steps = [];
    const made = await submission.one({files: [{name: 'a.zip', file}], repository: '', params: '', metadata: ''}, {onWork: (work) => steps.push(work), signal: new AbortController().signal});
    assert.equal(made.job_id, '1');
    assert.equal(forms[0].file.size, file.size);
    assert.equal(forms[0].upload_id, undefined);
    // Who is told to come back in a minute does not wait: there is another way.
    assert.equal(asked, more.retryAfter ? 1 : 5);
    assert.ok(waits.every((time) => time < 60_000));
    assert.equal(steps.at(-1).upload, undefined);
  }
});
