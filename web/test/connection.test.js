// Connections that break in the middle of an answer, and such that are dead without a word.
import assert from 'node:assert/strict';
import test from 'node:test';
import {createClient} from '../js/api/client.js';
import {ApiError} from '../js/api/errors.js';
import {followEvents} from '../js/api/events.js';
import {createWatchdog, TICK} from '../js/api/watchdog.js';

const base = 'http://host/api/v1/';
const turn = () => new Promise((resolve) => setImmediate(resolve));
async function until(done) {
  for (let left = 1000; !done(); --left) {
    assert.ok(left > 0, 'it does not happen');
    await turn();
  }
}

// The beginning of a body; then the connection breaks.
const broken = (text) => () => new Response(new ReadableStream({start(controller) {
  controller.enqueue(new TextEncoder().encode(text));
  setImmediate(() => controller.error(new TypeError('network error')));
}}), {headers: {link: '<?page_token=x>; rel="next"'}});
const whole = (text) => () => new Response(text, {headers: {link: '<?page_token=y>; rel="next"'}});

function clientOf(...answers) {
  const told = [];
  const asked = [];
  const fetch = async (url) => (asked.push(url.href), answers.shift()());
  return {told, asked, api: createClient({base, identity: () => ({}), fetch, onAway: (yes) => told.push(yes), wait: async () => {}})};
}

test('an answer that breaks off is read again, and the page says that the server is away', async () => {
  for (const [read, text, want] of [
    [(api) => api.job('a'), '{"job_id":"a"}', {job_id: 'a'}], [(api) => api.result('a'), '{"output":1}', '{"output":1}'], [(api) => api.jobParams('a'), '{}', '{}'], [(api) => api.repositoryParams('a'), '{}', '{}'],
    [(api) => api.jobs({}), '[{"job_id":"a"}]', {items: [{job_id: 'a'}], next: `${base}job?page_token=y`}], [(api) => api.repository('a'), '{"files":1}', {files: 1}],
    [(api) => api.read('x', {}, (answer) => answer.text().catch(() => { throw new ApiError('away'); })), 'file', 'file'],
  ]) {
    const {api, told, asked} = clientOf(broken(text.slice(0, 3)), whole(text));
    assert.deepEqual(await read(api), want);
    assert.deepEqual(told, [true, false]);
    assert.equal(asked.length, 2);
  }
});

test('what changes something is not sent again if its answer breaks off; it is told as a lost connection', async () => {
  for (const send of [(api) => api.batch('r', '{}', 'k'), (api) => api.makeRepository('{}', 'k'), (api) => api.retryJob('j', 'k'), (api) => api.makeKey('{}'), (api) => api.keys()]) {
    const {api, asked} = clientOf(broken('{'));
    await assert.rejects(send(api), {kind: 'away', status: 0});
    assert.equal(asked.length, 1);
  }
});

test('an answer that is no JSON is a fault of the server, with the number of the request', async () => {
  const {api} = clientOf(() => new Response('<html>', {headers: {'x-request-id': '7'}}));
  await assert.rejects(api.job('a'), {kind: 'server', requestId: '7'});
});

test('the end of a view ends its request, also within the body', async () => {
  const stop = new AbortController();
  const {api, told} = clientOf(() => new Response(new ReadableStream({start(controller) {
    stop.signal.addEventListener('abort', () => controller.error(stop.signal.reason));
    setImmediate(() => stop.abort());
  }})));
  await assert.rejects(api.job('a', {signal: stop.signal}), {name: 'AbortError'});
  assert.deepEqual(told, []);
});

// A clock that the test moves: tick() ends the present wait.
function clock() {
  const waits = [];
  return {
    wait: (time, signal) => new Promise((resolve, reject) => {
      waits.push({time, resolve});
      signal.addEventListener('abort', () => reject(signal.reason), {once: true});
    }),
    async tick() {
      waits.shift().resolve();
      await turn();
    },
    waits,
  };
}

test('a stream of events on which nothing comes is given up and opened anew', async () => {
  const {wait, tick, waits} = clock();
  const stop = new AbortController();
  const opened = [];
  const states = [];
  const open = async (headers, signal) => {
    const stream = new TransformStream();
    const writer = stream.writable.getWriter();
    signal.addEventListener('abort', () => writer.abort(signal.reason).catch(() => {}));
    opened.push({headers, signal, write: (text) => writer.write(new TextEncoder().encode(text))});
    return new Response(stream.readable);
  };
  const events = [];
  const followed = followEvents({open, onEvent: ({data}) => events.push(data), onState: (live) => states.push(live), signal: stop.signal, wait: async () => {}, tick: wait});
  await turn();
  assert.equal(waits[0].time, TICK);
  opened[0].write('id: 5\ndata: 1\n\n');
  await turn();
  await tick();
  await tick();
  opened[0].write(':\n');  // the line that the server sends when nothing happens
  await turn();
  await tick();
  await tick();
  assert.deepEqual(states, [true]);
  await tick();
  await until(() => opened.length === 2);
  assert.deepEqual(states, [true, false, true]);
  assert.ok(opened[0].signal.aborted);
  assert.equal(opened[1].headers['last-event-id'], '5');
  opened[1].write('data: 2\n\n');
  await turn();
  assert.deepEqual(events, ['1', '2']);
  stop.abort();
  await followed;
  assert.ok(opened[1].signal.aborted);
});

test('a stream whose answer does not even begin is given up', async () => {
  const {wait, tick} = clock();
  const stop = new AbortController();
  let opened = 0;
  // As a browser does that tells an end by a signal without its reason.
  const open = (headers, signal) => new Promise((_, reject) => (++opened, signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))));
  const problems = [];
  const followed = followEvents({open, onEvent() {}, onState: (live, problem) => problems.push(problem.kind), signal: stop.signal, wait: async () => {}, tick: wait});
  await turn();
  for (let count = 0; count < 3; ++count) await tick();
  await until(() => opened === 2);
  assert.deepEqual(problems, ['away']);
  stop.abort();
  await followed;
});

test('a watchdog ends with its connection, and keeps no timer', async () => {
  const outer = new AbortController();
  const timers = [];
  const wait = (time, signal) => new Promise((_, reject) => (timers.push(signal), signal.addEventListener('abort', () => reject(signal.reason))));
  const watchdog = createWatchdog(outer.signal, {wait});
  watchdog.end();
  assert.ok(timers[0].aborted && !watchdog.signal.aborted && !watchdog.late());
  outer.abort();
  assert.ok(!watchdog.signal.aborted);
  assert.ok(createWatchdog(outer.signal, {wait}).signal.aborted);
});
