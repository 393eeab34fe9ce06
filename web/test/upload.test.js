import assert from 'node:assert/strict';
import test from 'node:test';
import {ApiError} from '../js/api/errors.js';
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
