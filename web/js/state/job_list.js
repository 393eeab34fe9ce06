// The rows of the table of jobs: newest first, in the order of the ids. Pure functions on {jobs, next, ended}.
// jobs: what is loaded so far. next: the reference of the next page, or null. complete: there is no further page.
export const empty = {jobs: [], next: null, complete: false};

const newerFirst = (left, right) => (left.job_id < right.job_id ? 1 : left.job_id > right.job_id ? -1 : 0);

// The rows with a further page behind them.
export function withPage(list, page, next) {
  return {jobs: merged(list.jobs, page), next, complete: next === null};
}

// The rows with the first page as it is now. What lies in its range and is not in it was deleted, or does not pass the
// filter any more.
export function withNewest(list, page, next) {
  if (next === null) return {jobs: [...page].sort(newerFirst), next: null, complete: true};
  // The server may give an empty page with a further one behind it. What is loaded so far stays, and so does how far it was read.
  if (page.length === 0) return list.jobs.length > 0 || list.next !== null ? list : {jobs: [], next, complete: false};
  const oldest = page.reduce((least, job) => (job.job_id < least ? job.job_id : least), page[0].job_id);
  const older = list.jobs.filter((job) => job.job_id < oldest);
  if (older.length === 0) return {jobs: [...page].sort(newerFirst), next, complete: false};
  return {...list, jobs: merged(older, page)};
}

// A job with the state that an event told. What the state does not have any more goes.
export function laidOver(job, change) {
  const {reason, message, started_on: started, finished_on: finished, expires_on: expires, ...lasting} = job;
  return {...lasting, ...change};
}

// A change that the event stream told. Returns the same list if the job is not in it.
export function withChange(list, change) {
  const at = list.jobs.findIndex((job) => job.job_id === change.job_id);
  if (at < 0) return list;
  const jobs = [...list.jobs];
  jobs[at] = laidOver(jobs[at], change);
  return {...list, jobs};
}

export function without(list, id) {
  const jobs = list.jobs.filter((job) => job.job_id !== id);
  return jobs.length === list.jobs.length ? list : {...list, jobs};
}

// Whether a job that is not in the list may belong into it: it is newer than the oldest row, or all rows are known.
export function mayBelong(list, id) {
  if (list.jobs.some((job) => job.job_id === id)) return false;
  return list.complete || list.jobs.length === 0 || id > list.jobs.at(-1).job_id;
}

function merged(jobs, more) {
  const byId = new Map(jobs.map((job) => [job.job_id, job]));
  for (const job of more) byId.set(job.job_id, job);
  return [...byId.values()].sort(newerFirst);
}

// The part of a list of `count` rows that a scrolled box shows, with `spare` rows around it.
export function visibleRows(count, rowHeight, top, boxHeight, spare = 8) {
  const first = Math.max(0, Math.floor(top / rowHeight) - spare);
  return {first: Math.min(first, count), end: Math.min(count, Math.ceil((top + boxHeight) / rowHeight) + spare)};
}
