// What an overview says of many jobs. Jobs are added page by page and not kept, so the memory does not grow with them. Pure.
import {parseTime} from '../text/format.js';

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

// The length of a bar and their number. Bars are hours and days of the reader's clock, so the last one is not over yet.
const SPANS = {day: {step: HOUR, count: 24}, week: {step: DAY, count: 7}};

// When the present hour and the present day end.
export const endsOf = (now) => ({day: new Date(now).setMinutes(60, 0, 0), week: new Date(now).setHours(24, 0, 0, 0)});

export function createStats(now, ends = endsOf(now)) {
  const make = ({step, count}, end) => ({begin: end - step * count, step, bars: Array.from({length: count}, () => ({finished: 0, failed: 0, cancelled: 0, waits: [], runs: []})), reasons: new Map()});
  return {now, jobs: 0, oldest: null, day: make(SPANS.day, ends.day), week: make(SPANS.week, ends.week)};
}

function addTo(span, job, ended, wait, run) {
  const at = Math.floor((ended - span.begin) / span.step);
  if (at < 0) return;
  const bar = span.bars[Math.min(at, span.bars.length - 1)];
  const kind = job.job_status === 'finished' ? 'finished' : job.reason === 'Cancelled' ? 'cancelled' : 'failed';
  ++bar[kind];
  if (wait !== null) bar.waits.push(wait);
  if (run !== null) bar.runs.push(run);
  const reason = job.reason ?? '';
  const known = span.reasons.get(reason) ?? {reason, kind, count: 0};
  ++known.count;
  span.reasons.set(reason, known);
}

// Adds a page of jobs, newest first.
export function addJobs(stats, jobs) {
  for (const job of jobs) {
    ++stats.jobs;
    const created = parseTime(job.created_on);
    if (created !== null) stats.oldest = stats.oldest === null ? created : Math.min(stats.oldest, created);
    const ended = parseTime(job.finished_on);
    if (ended === null) continue;
    const started = parseTime(job.started_on);
    const wait = started === null || created === null ? null : Math.max(0, started - created);
    const run = started === null ? null : Math.max(0, ended - started);
    addTo(stats.day, job, ended, wait, run);
    addTo(stats.week, job, ended, wait, run);
  }
  return stats;
}

// The value below which the share (0 to 1) of the values lies, or null.
export function quantile(values, share) {
  if (values.length === 0) return null;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

// What is shown of a span: bars [{begin, finished, failed, cancelled, wait, run}] with medians, totals, and the reasons, most frequent first.
export function summaryOf(span, mostReasons = 8) {
  const bars = span.bars.map(({waits, runs, ...counts}, index) => ({begin: span.begin + index * span.step, ...counts, wait: quantile(waits, 0.5), run: quantile(runs, 0.5)}));
  const sum = (name) => bars.reduce((total, bar) => total + bar[name], 0);
  const times = (name) => {
    const all = span.bars.flatMap((bar) => bar[name]);
    return {median: quantile(all, 0.5), high: quantile(all, 0.9), most: quantile(all, 1)};
  };
  const sorted = [...span.reasons.values()].sort((left, right) => right.count - left.count);
  const rest = sorted.slice(mostReasons).reduce((total, {count}) => total + count, 0);
  return {
    bars, finished: sum('finished'), failed: sum('failed'), cancelled: sum('cancelled'), wait: times('waits'), run: times('runs'),
    reasons: rest ? [...sorted.slice(0, mostReasons), {reason: null, kind: 'failed', count: rest}] : sorted,
  };
}

// The form of from_date: minutes in UTC.
export const minuteOf = (at) => new Date(at).toISOString().slice(0, 16).replace(/[-T:]/g, '');
