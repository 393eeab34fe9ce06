import assert from 'node:assert/strict';
import test from 'node:test';
import {createLive} from '../js/state/live.js';
import {ApiError} from '../js/api/errors.js';
import {createStore} from '../js/state/store.js';

const until = async (done) => {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
};

// A page, a session and a server whose streams the test writes.
function world({events = true} = {}) {
  const page = new EventTarget();
  page.hidden = false;
  const streams = [];
  const api = {
    async send(method, path, {headers, signal}) {
      const stream = new TransformStream();
      const writer = stream.writable.getWriter();
      const one = {path, headers, write: (text) => writer.write(new TextEncoder().encode(text)), end: () => writer.close(), aborted: false};
      signal.addEventListener('abort', () => {
        one.aborted = true;
        writer.abort(signal.reason).catch(() => {});
      });
      streams.push(one);
      return new Response(stream.readable);
    },
  };
  const session = createStore({identity: {}, expired: false});
  const features = createStore({events});
  return {page, streams, session, features, live: createLive({api, session, features, page})};
}

test('changes of the stream reach who listens', async () => {
  const {live, streams} = world();
  const news = [];
  const end = live.listen((one) => news.push(one));
  await until(() => streams.length === 1);
  streams[0].write('event: state\nid: 1\ndata: {"jobs":[],"last":false}\n\nevent: state\nid: 2\ndata: {"jobs":[],"last":true}\n\nevent: job\nid: 3\ndata: {"job_id":"a"}\n\nevent: deleted\nid: 4\ndata: {"job_id":"b"}\n\nevent: job\ndata: rubbish\n\n');
  await until(() => news.length === 3);
  assert.deepEqual(news, [{type: 'look'}, {type: 'job', job: {job_id: 'a'}}, {type: 'deleted', id: 'b'}]);
  assert.ok(live.open.get());
  end();
  assert.ok(streams[0].aborted);
});

test('a broken stream causes a look, so that the page knows whether the server is away', async () => {
  const {live, streams} = world();
  const news = [];
  const end = live.listen((one) => news.push(one));
  await until(() => live.open.get());
  streams[0].end();
  await until(() => news.length === 1);
  assert.deepEqual(news, [{type: 'look'}]);
  assert.ok(!live.open.get());
  end();
});

test('a hidden page and one without a key have no stream', async () => {
  const {live, streams, page, session} = world();
  const end = live.listen(() => {});
  await until(() => streams.length === 1);
  page.hidden = true;
  page.dispatchEvent(new Event('visibilitychange'));
  assert.ok(streams[0].aborted);
  page.hidden = false;
  page.dispatchEvent(new Event('visibilitychange'));
  await until(() => streams.length === 2);
  session.set({identity: {}, expired: true});
  assert.ok(streams[1].aborted);
  session.set({identity: {}, expired: false});
  await until(() => streams.length === 3);
  end();
});

test('before the server has told what it can do, nothing is asked', () => {
  const {live, streams, features} = world();
  features.set(null);
  const end = live.listen(() => {});
  assert.equal(streams.length, 0);
  end();
});

test('while the server refuses the stream, listeners look for themselves, and the page knows why', async () => {
  const page = new EventTarget();
  const api = {async send() { throw new ApiError('away', {status: 429, retryAfter: 60_000}); }};
  const times = [];
  // The first pause ends at once; the others only with the signal.
  const wait = (time, signal) => (times.push(time), times.length === 1 ? Promise.resolve() : new Promise((resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))));
  const live = createLive({api, session: createStore({identity: {}, expired: false}), features: createStore({events: true}), page, wait});
  const news = [];
  const end = live.listen((one) => news.push(one));
  for (let count = 0; count < 20; ++count) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(news, [{type: 'look'}]);
  assert.ok(live.busy.get() && times[0] >= 5000 && times[0] <= 15_000);
  end();
  assert.ok(!live.busy.get());
});
