// Reads the jobs of the last week for the overview. What it costs is bounded: MOST_PAGES requests, and no job is kept.
import {addJobs, createStats, minuteOf} from './stats.js';

export const PAGE = 1000;
export const MOST_PAGES = 20;  // so the newest 20,000 jobs at most; the page says how far they reach

// {stats, complete}. onPart({stats, complete}): after each page.
export async function loadStats(api, {now = Date.now(), signal, onPart = () => {}} = {}) {
  const stats = createStats(now);
  let page = await api.jobs({from_date: minuteOf(stats.week.begin), page_size: PAGE}, {signal});
  for (let count = 1; ; ++count) {
    addJobs(stats, page.items);
    const complete = page.next === null;
    if (complete || count === MOST_PAGES) return {stats, complete};
    onPart({stats, complete: false});
    page = await api.nextPage(page.next, {signal});
  }
}

// What runs and waits: {queued, started, oldest, more, reasons}. more: there may be more of them than were read.
export async function loadOpen(api, {signal} = {}) {
  const open = {queued: 0, started: 0, oldest: null, more: false, reasons: new Map()};
  let page = await api.jobs({status: 'queued,started', page_size: PAGE}, {signal});
  for (let count = 1; ; ++count) {
    for (const job of page.items) {
      ++open[job.job_status];
      if (job.job_status !== 'queued') continue;
      open.oldest = job;  // newest first: the last one is the oldest
      if (job.reason) open.reasons.set(job.reason, (open.reasons.get(job.reason) ?? 0) + 1);
    }
    if (page.next === null) return open;
    if (count === MOST_PAGES) return {...open, more: true};
    page = await api.nextPage(page.next, {signal});
  }
}
