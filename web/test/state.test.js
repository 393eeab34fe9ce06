import assert from 'node:assert/strict';
import test from 'node:test';
import {attemptsOf} from '../js/state/attempts.js';
import {pause, sleep} from '../js/state/backoff.js';
import {createClock} from '../js/state/clock.js';
import {countOf, empty, laidOver, mayBelong, missingPage, onlyThose, reaches, rowsBetween, visibleRows, withAgain, withChange, withNewest as withParts, without, withoutFar, withPage} from '../js/state/job_list.js';
import {formatRoute, parseRoute} from '../js/state/route.js';
import {createSession, wrongField} from '../js/state/session.js';
import {chooseLanguage, createSettings} from '../js/state/settings.js';
import {createStore} from '../js/state/store.js';

const job = (id, status = 'finished') => ({job_id: id, job_status: status});
const withNewest = (list, items, next) => withParts(list, [{ref: null, items, next}]);
const rows = (list) => rowsBetween(list, 0, countOf(list));
const ids = (list) => rows(list).map((one) => one?.job_id ?? '?').join('');

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
  list = withPage(list, [job('e'), job('d')], null);
  assert.equal(ids(list), 'fed');
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
  assert.deepEqual(begun, {pages: [], next: 'p2', complete: false});
  const further = withPage(begun, [], 'p3');
  assert.equal(withNewest(further, [], 'p2').next, 'p3');
  assert.equal(ids(withNewest(further, [job('a')], 'p2')), 'a');
  // All was read, and there was nothing; now the first page is not the last one.
  assert.deepEqual(withNewest(withPage(begun, [], null), [], 'p2'), {pages: [], next: 'p2', complete: false});
});

test('a newest page that lies behind all rows begins anew', () => {
  const next = withNewest(withPage(empty, [job('f')], 'old'), [job('f'), job('e')], 'new');
  assert.equal(ids(next), 'fe');
  assert.equal(next.next, 'new');
});

test('newest pages that do not reach the known rows leave no hole', () => {
  const list = withPage(withNewest(empty, [job('f'), job('e')], 'p2'), [job('d')], null);
  const gap = [{ref: null, items: [job('z'), job('y')], next: 'behind y'}];
  assert.ok(!reaches(list, gap));
  const anew = withParts(list, gap);
  assert.equal(ids(anew), 'zy');
  assert.deepEqual([anew.next, anew.complete], ['behind y', false]);
  const read = [...gap, {ref: 'behind y', items: [job('x'), job('f')], next: 'behind f'}];
  assert.ok(reaches(list, read) && reaches(empty, gap));
  assert.equal(ids(withParts(list, read)), 'zyxfed');
  assert.ok(withParts(list, read).complete);
  // A sweep of 1,000 above 100 known rows.
  const known = withNewest(empty, pageFrom(1000, 100), 'behind the known');
  const many = [{ref: null, items: pageFrom(0, 100), next: 'a'}, {ref: 'a', items: pageFrom(100), next: 'b'}, {ref: 'b', items: pageFrom(600), next: 'c'}];
  const whole = withParts(known, many);
  assert.equal(countOf(whole), 1100);
  assert.deepEqual(rows(whole), pageFrom(0, 1100));
  assert.equal(whole.next, 'c');
  assert.equal(missingPage(withoutFar(whole, 0, 20), 0, 2000), undefined);
});

test('a change is laid over its row, and tells nothing of others', () => {
  const list = withPage(empty, [{...job('b', 'started'), name: 'n'}, job('a')], null);
  assert.deepEqual(withChange(list, {job_id: 'b', job_status: 'finished'}).pages[0].jobs[0], {job_id: 'b', job_status: 'finished', name: 'n'});
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

test('times are by the clock of the server, as far as its answers tell', () => {
  const clock = createClock(() => 1_000_000);
  assert.equal(clock.now(), 1_000_000);
  const date = (at) => new Date(at).toUTCString();
  clock.hear(date(1_001_000), 999_900, 1_000_100);  // nearly the same
  assert.equal(clock.now(), 1_000_000);
  clock.hear(date(1_600_000), 999_950, 1_000_050);
  assert.equal(clock.now(), 1_600_500);
  clock.hear(date(5_000_000), 990_000, 1_000_000);  // a slow answer says less
  clock.hear(null, 1_000_000, 1_000_000);
  clock.hear('rubbish', 1_000_000, 1_000_000);
  assert.equal(clock.now(), 1_600_500);
});

test('the attempts of a job are those that are over, and the one under way', () => {
  const history = [{attempt: 1, reason: 'PodLost', started_on: 'a', finished_on: 'b'}, {attempt: 2, reason: 'NonZeroExit'}];
  const over = [{number: 1, reason: 'PodLost', started: 'a', ended: 'b'}, {number: 2, reason: 'NonZeroExit', started: undefined, ended: undefined}];
  assert.deepEqual(attemptsOf({job_status: 'failed', attempts: 2, attempt_history: history}), over);
  assert.deepEqual(attemptsOf({job_status: 'started', attempts: 3, attempt_history: history}), [...over, {number: 3, reason: '', started: undefined, ended: undefined}]);
  assert.equal(attemptsOf({job_status: 'started', attempts: 2, attempt_history: history.slice(0, 1)})[1].started, 'b');
  assert.deepEqual(attemptsOf({job_status: 'finished', attempts: 1}), []);
  assert.deepEqual(attemptsOf({job_status: 'started', attempts: 2}), []);
});

test('only rows in sight are drawn, of any number', () => {
  assert.deepEqual(visibleRows(100_000, 48, 0, 900, 8), {first: 0, end: 27});
  const {first, end} = visibleRows(100_000, 48, 48 * 50_000, 900, 8);
  assert.ok(first === 49_992 && end - first < 40);
  assert.deepEqual(visibleRows(3, 48, 10_000, 900, 8), {first: 3, end: 3});
});

// 100,000 jobs, loaded in pages of 500 while the window is at the end of what is loaded.
const name = (number) => String(999_999 - number);
const pageFrom = (begin, size = 500) => Array.from({length: size}, (_, index) => job(name(begin + index)));
function manyJobs(look = (list) => list) {
  let list = withNewest(empty, pageFrom(0, 100), 'after 100');
  for (let count = 100; count < 100_100; count += 500) list = look(withPage(list, pageFrom(count), `after ${count + 500}`), count);
  return list;
}
const loaded = (list) => list.pages.reduce((sum, {jobs}) => sum + (jobs?.length ?? 0), 0);

test('one change among 100,000 jobs leaves the others as they are', () => {
  const list = manyJobs();
  const next = withChange(list, job('950000', 'failed'));
  assert.equal(countOf(next), 100_100);
  const before = rows(list);
  assert.deepEqual(rows(next).filter((one, index) => one !== before[index]), [job('950000', 'failed')]);
});

test('few jobs are kept of 100,000 that were scrolled through, and those that are looked at again are loaded again', () => {
  let most = 0;
  let list = manyJobs((grown, count) => {
    const kept = withoutFar(grown, count - 20, count + 20);
    most = Math.max(most, loaded(kept));
    return kept;
  });
  assert.equal(countOf(list), 100_100);
  assert.ok(most < 7000, `${most} jobs were kept`);
  assert.deepEqual(rowsBetween(list, 50_000, 50_002), [null, null]);
  // Two have been deleted meanwhile, and the server gives more than was asked for.
  const gap = missingPage(list, 50_000, 50_030);
  const begin = Number(gap.ref.slice('after '.length));
  list = withAgain(list, gap.ref, pageFrom(begin, 1500).filter(({job_id: id}) => id !== name(50_000) && id !== name(50_001)));
  assert.equal(countOf(list), 100_098);
  assert.deepEqual(rowsBetween(list, 50_000, 50_001), [job(name(50_002))]);
  assert.equal(missingPage(list, 50_000, 50_030), undefined);
  assert.equal(missingPage(list, 0, 30), undefined);  // the newest are always there
  assert.equal(withAgain(list, gap.ref, []), list);
  const near = withoutFar(list, 50_000, 50_030);
  assert.equal(withoutFar(near, 50_000, 50_030), near);
});

test('a page that was let go and is empty now is no row any more', () => {
  const list = withoutFar(manyJobs(), 0, 20);
  const gap = missingPage(list, 50_000, 50_001);
  const next = withAgain(list, gap.ref, []);
  assert.equal(countOf(next), 100_100 - gap.count);
  assert.equal(next.pages.length, list.pages.length - 1);
});

test('what happens to a job that was let go changes nothing until it is loaded again', () => {
  const list = withoutFar(manyJobs(), 0, 20);
  assert.equal(withChange(list, job(name(50_000), 'failed')), list);
  assert.equal(without(list, name(50_000)), list);
  assert.ok(!mayBelong(list, name(50_000)));
  assert.equal(onlyThose(list, ({job_status: state}) => state === 'finished'), list);
  assert.equal(countOf(onlyThose(list, ({job_id: id}) => id !== name(7))), 100_099);
});

test('the first page does not get long while new jobs come', () => {
  let list = empty;
  for (let number = 1; number <= 6000; ++number) {
    const newest = Array.from({length: 100}, (_, index) => job(`c${String(number + 99 - index).padStart(5, '0')}`));
    list = withNewest(list, newest, `behind ${number}`);
  }
  assert.equal(countOf(list), 6000 + 99);
  assert.equal(rows(list).map(({job_id: id}) => id).join(), [...rows(list)].map(({job_id: id}) => id).sort().reverse().join());
  assert.ok(list.pages.every(({count}) => count <= 1000), list.pages.map(({count}) => count).join());
  assert.ok(loaded(withoutFar(list, 0, 20)) < 3100);
  assert.equal(list.next, 'behind 1');
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
