import assert from 'node:assert/strict';
import test from 'node:test';
import {loadOpen, loadStats, MOST_PAGES} from '../js/overview/load.js';
import {addJobs, createStats, DAY, endsOf, HOUR, minuteOf, quantile, summaryOf} from '../js/overview/stats.js';

const now = Date.UTC(2026, 10, 29, 12, 0, 0);
const stamp = (at) => new Date(at).toISOString().slice(0, 19).replace('T', '_');
const job = (endedAgo, {wait = 10_000, run = 60_000, ...rest} = {}) => ({
  job_id: 'x', job_status: 'finished', reason: 'Completed', created_on: stamp(now - endedAgo - run - wait), started_on: stamp(now - endedAgo - run), finished_on: stamp(now - endedAgo), ...rest,
});

test('jobs are counted in the bar of their end', () => {
  const stats = addJobs(createStats(now, {day: now, week: now}), [job(1000), job(HOUR + 1000, {job_status: 'failed', reason: 'OOMKilled'}), job(2 * DAY, {job_status: 'failed', reason: 'Cancelled'}), job(8 * DAY), {job_status: 'queued', created_on: stamp(now - 5)}]);
  const day = summaryOf(stats.day);
  const week = summaryOf(stats.week);
  assert.equal(stats.jobs, 5);
  assert.deepEqual([day.finished, day.failed, day.cancelled], [1, 1, 0]);
  assert.deepEqual([week.finished, week.failed, week.cancelled], [1, 1, 1]);
  assert.equal(day.bars.at(-1).finished, 1);
  assert.equal(day.bars.at(-2).failed, 1);
  assert.equal(week.bars.at(-2).cancelled, 1);
  assert.deepEqual(day.reasons.map(({reason, kind, count}) => [reason, kind, count]), [['Completed', 'finished', 1], ['OOMKilled', 'failed', 1]]);
});

test('times are medians; a job that never started has none', () => {
  const stats = addJobs(createStats(now, {day: now, week: now}), [job(1000, {wait: 1000, run: 5000}), job(1000, {wait: 3000, run: 7000}), job(1000, {wait: 9000, run: 9000}), job(1000, {started_on: undefined})]);
  const {wait, run} = summaryOf(stats.day);
  assert.deepEqual(wait, {median: 3000, high: 9000, most: 9000});
  assert.equal(run.median, 7000);
  assert.deepEqual(summaryOf(createStats(now, {day: now, week: now}).day).wait, {median: null, high: null, most: null});
  assert.equal(quantile([3, 1, 2, 4], 0.5), 3);
});

test('bars are hours and days of the clock', () => {
  const at = new Date(2026, 10, 29, 9, 35, 12).getTime();
  const {day, week} = createStats(at);
  assert.equal(new Date(day.begin + 23 * HOUR).getMinutes(), 0);
  assert.ok(day.begin + 24 * HOUR > at && day.begin + 23 * HOUR <= at);
  assert.equal(new Date(week.begin + 7 * DAY).getHours(), 0);
  assert.deepEqual(endsOf(at), {day: new Date(2026, 10, 29, 10).getTime(), week: new Date(2026, 10, 30).getTime()});
});

test('rare reasons are one', () => {
  const {reasons} = summaryOf(addJobs(createStats(now, {day: now, week: now}), Array.from({length: 12}, (_, index) => job(1000, {reason: `R${index}`}))).day);
  assert.equal(reasons.length, 9);
  assert.deepEqual(reasons.at(-1), {reason: null, kind: 'failed', count: 4});
});

// A tenant with very many jobs: each page has a further one behind it.
function endless(items) {
  let asked = 0;
  const page = async () => (++asked, {items, next: 'more'});
  return {jobs: page, nextPage: page, count: () => asked};
}

test('what is read is bounded, and the page is told how far it was', async () => {
  const api = endless(Array.from({length: 1000}, () => job(1000)));
  const parts = [];
  const {stats, complete} = await loadStats(api, {now, onPart: (part) => parts.push(part.complete)});
  assert.equal(api.count(), MOST_PAGES);
  assert.equal(complete, false);
  assert.equal(stats.jobs, 20_000);
  assert.equal(parts.length, MOST_PAGES - 1);
  assert.equal(minuteOf(now), '202611291200');
  const open = await loadOpen(endless([]));
  assert.ok(open.more);
});

test('what waits has its oldest job and its reasons', async () => {
  const pages = [{items: [{job_status: 'queued', reason: 'A', created_on: '2'}, {job_status: 'started'}], next: 'x'}, {items: [{job_status: 'queued', reason: 'A', created_on: '1'}], next: null}];
  const next = async () => pages.shift();
  const open = await loadOpen({jobs: next, nextPage: next});
  assert.deepEqual([open.queued, open.started, open.oldest.created_on, open.reasons.get('A'), open.more], [2, 1, '1', 2, false]);
});
