import assert from 'node:assert/strict';
import test from 'node:test';
import {pause, sleep} from '../js/state/backoff.js';
import {empty, laidOver, mayBelong, visibleRows, withChange, withNewest, without, withPage} from '../js/state/job_list.js';
import {formatRoute, parseRoute} from '../js/state/route.js';
import {createSession, wrongField} from '../js/state/session.js';
import {chooseLanguage, createSettings} from '../js/state/settings.js';
import {createStore} from '../js/state/store.js';

const job = (id, status = 'finished') => ({job_id: id, job_status: status});
const ids = (list) => list.jobs.map(({job_id: id}) => id).join('');

test('a store tells its watchers of changes only', () => {
  const store = createStore(1);
  const seen = [];
  const end = store.watch((value) => seen.push(value));
  store.set(2);
  store.set(2);
  store.set((value) => value + 1);
  end();
  store.set(9);
  assert.deepEqual(seen, [2, 3]);
});

test('pages are put together, newest first, each job once', () => {
  let list = withPage(empty, [job('f'), job('e')], 'p2');
  list = withPage(list, [job('e', 'failed'), job('d')], null);
  assert.equal(ids(list), 'fed');
  assert.equal(list.jobs[1].job_status, 'failed');
  assert.ok(list.complete);
});

test('the newest page adds jobs and takes away those that are gone from its range', () => {
  const list = withPage(withPage(empty, [job('f'), job('e'), job('d')], 'p2'), [job('c'), job('b')], 'p3');
  const next = withNewest(list, [job('g'), job('e'), job('d')], 'p2');
  assert.equal(ids(next), 'gedcb');
  assert.equal(next.next, 'p3');
  assert.equal(ids(withNewest(list, [job('z')], null)), 'z');
  assert.equal(withNewest(list, [], 'p2'), list);
});

test('an empty page with a further one is followed, and does not lose the place', () => {
  const begun = withNewest(empty, [], 'p2');
  assert.deepEqual(begun, {jobs: [], next: 'p2', complete: false});
  const further = withPage(begun, [], 'p3');
  assert.equal(withNewest(further, [], 'p2').next, 'p3');
  assert.equal(ids(withNewest(further, [job('a')], 'p2')), 'a');
  // All was read, and there was nothing; now the first page is not the last one.
  assert.deepEqual(withNewest(withPage(begun, [], null), [], 'p2'), {jobs: [], next: 'p2', complete: false});
});

test('a newest page that lies behind all rows begins anew', () => {
  const next = withNewest(withPage(empty, [job('f')], 'old'), [job('f'), job('e')], 'new');
  assert.equal(ids(next), 'fe');
  assert.equal(next.next, 'new');
});

test('a change is laid over its row, and tells nothing of others', () => {
  const list = withPage(empty, [{...job('b', 'started'), name: 'n'}, job('a')], null);
  assert.deepEqual(withChange(list, {job_id: 'b', job_status: 'finished'}).jobs[0], {job_id: 'b', job_status: 'finished', name: 'n'});
  assert.deepEqual(laidOver({job_id: 'b', reason: 'Unschedulable', message: 'm', name: 'n'}, {job_id: 'b', reason: 'Running'}), {job_id: 'b', name: 'n', reason: 'Running'});
  assert.equal(withChange(list, job('x')), list);
  assert.equal(ids(without(list, 'b')), 'a');
  assert.equal(without(list, 'x'), list);
});

test('only a job in the range of the rows causes a look', () => {
  const some = withPage(empty, [job('f'), job('e')], 'p2');
  assert.ok(mayBelong(some, 'g'));
  assert.ok(!mayBelong(some, 'f'));
  assert.ok(!mayBelong(some, 'a'));
  assert.ok(mayBelong({...some, complete: true}, 'a'));
});

test('only rows in sight are drawn, of any number', () => {
  assert.deepEqual(visibleRows(100_000, 48, 0, 900, 8), {first: 0, end: 27});
  const {first, end} = visibleRows(100_000, 48, 48 * 50_000, 900, 8);
  assert.ok(first === 49_992 && end - first < 40);
  assert.deepEqual(visibleRows(3, 48, 10_000, 900, 8), {first: 3, end: 3});
});

test('one change among 100,000 jobs leaves the others as they are', () => {
  let list = empty;
  for (let page = 0; page < 100; ++page) {
    const items = Array.from({length: 1000}, (_, index) => job(String(999_999 - page * 1000 - index)));
    list = {jobs: [...list.jobs, ...items], next: 'x', complete: false};
  }
  const next = withChange(list, job('950000', 'failed'));
  assert.equal(next.jobs.length, 100_000);
  assert.equal(next.jobs.filter((one, index) => one !== list.jobs[index]).length, 1);
});

test('routes are read and written, and hostile ones are text', () => {
  assert.deepEqual(parseRoute(''), {parts: ['jobs'], query: {}});
  assert.deepEqual(parseRoute('#/jobs/a%2Fb/logs?x=1'), {parts: ['jobs', 'a/b', 'logs'], query: {x: '1'}});
  assert.deepEqual(parseRoute('#/jobs/%E0%A4'), {parts: ['jobs', '%E0%A4'], query: {}});
  const route = {parts: ['jobs'], query: {name: 'a&b=ü', status: 'failed'}};
  assert.deepEqual(parseRoute(formatRoute(route.parts, {...route.query, mine: ''})), route);
});

const identity = {organization_id: 'acme', application_id: 'Tutorial', client_id: 'north', username: 'ana', 'x-api-key': 'vb_1_2'};

function storage() {
  const values = new Map();
  return {values, getItem: (key) => values.get(key) ?? null, setItem: (key, value) => values.set(key, value), removeItem: (key) => values.delete(key)};
}

test('the key is stored only if the user asks for it, and goes with the session', () => {
  const place = storage();
  const session = createSession(place);
  session.signIn(identity, 'leader', false);
  assert.equal(place.values.size, 0);
  session.signIn(identity, 'leader', true);
  assert.deepEqual(createSession(place).get().identity, identity);
  session.signOut();
  assert.equal(place.values.size, 0);
  assert.equal(session.get().identity, null);
});

test('a key that is not taken any more is forgotten at once', () => {
  const place = storage();
  const session = createSession(place);
  session.signIn(identity, 'leader', true);
  session.expire();
  assert.equal(place.values.size, 0);
  assert.ok(session.get().expired);
  assert.deepEqual(session.get().identity, {...identity, 'x-api-key': ''});
});

test('a browser without storage works, and so does rubbish in it', () => {
  const broken = {getItem: () => { throw new Error('no'); }, setItem: () => { throw new Error('no'); }, removeItem: () => { throw new Error('no'); }};
  for (const place of [null, broken, {...storage(), getItem: () => '{"username":1}'}]) {
    const session = createSession(place);
    session.signIn(identity, null, true);
    session.signOut();
    assert.equal(createSettings(place, ['pt-BR']).get().language, 'pt');
  }
});

test('fields that no header can have are found', () => {
  assert.equal(wrongField(identity), null);
  assert.equal(wrongField({...identity, username: ''}), 'username');
  assert.equal(wrongField({...identity, client_id: 'a\nb'}), 'client_id');
  assert.equal(wrongField({...identity, client_id: 'ü'.repeat(128)}), 'client_id');
});

test('the language is the first of the browser that the page has', () => {
  assert.equal(chooseLanguage(['de-DE', 'pt-PT', 'en']), 'pt');
  assert.equal(chooseLanguage(['de']), 'en');
  assert.equal(chooseLanguage(undefined), 'en');
});

test('pauses grow, have a limit, and heed the server', () => {
  assert.equal(pause(0, {random: () => 1}), 1000);
  assert.equal(pause(3, {random: () => 0}), 4000);
  assert.equal(pause(1000, {random: () => 1}), 30_000);
  assert.equal(pause(0, {random: () => 0, atLeast: 7000}), 7000);
});

test('a sleep ends when it is told to', async () => {
  const stop = new AbortController();
  const ended = sleep(1e9, stop.signal);
  stop.abort();
  await assert.rejects(ended, {name: 'AbortError'});
  await assert.rejects(sleep(1e9, stop.signal), {name: 'AbortError'});
});
