// The rows of the table of jobs: newest first, in the order of the ids. Pure functions on {pages, next, complete}.
// pages: [{ref, jobs, count, newest, oldest}]. The rows of a page that is far from what is looked at are let go: its `jobs` is null, and
// `ref`, the request that it began with, gets them again. So the memory that a list takes does not grow with what was scrolled through.
// next: the reference of the next page, or null. complete: there is no further page.
export const empty = {pages: [], next: null, complete: false};

const MOST = 1000;  // rows of one page
const NEAR = 2000;  // rows on either side of those in sight that are kept

const newerFirst = (left, right) => (left.job_id < right.job_id ? 1 : left.job_id > right.job_id ? -1 : 0);
const pageOf = (ref, jobs) => ({ref, jobs, count: jobs.length, newest: jobs[0].job_id, oldest: jobs.at(-1).job_id});
const filled = (ref, jobs) => (jobs.length ? [pageOf(ref, jobs)] : []);
const holds = (page, id) => page.newest >= id && id >= page.oldest;

export const countOf = (list) => list.pages.reduce((sum, {count}) => sum + count, 0);

// The rows with a further page behind them. An id that is there already is not there twice.
export function withPage(list, items, next) {
  const known = list.pages.at(-1);
  const jobs = items.filter((job) => !known || job.job_id < known.oldest).sort(newerFirst);
  const rest = {next, complete: next === null};
  if (jobs.length === 0) return {...list, ...rest};
  const grows = known?.jobs && known.count + jobs.length <= MOST;
  const pages = grows ? [...list.pages.slice(0, -1), pageOf(known.ref, [...known.jobs, ...jobs])] : [...list.pages, pageOf(list.next, jobs)];
  return {pages, ...rest};
}

// Whether the newest pages reach the rows that are known. If not, there are jobs between them that are in no page.
export const reaches = (list, parts) => list.pages.length === 0 || parts.some(({items}) => items.some((job) => job.job_id <= list.pages[0].newest));

// The rows with the newest pages as they are now: parts, [{ref, items, next}], each begins behind the one before. What lies in their range
// and is not in them was deleted, or does not pass the filter any more. If they do not reach the known rows, the list begins anew.
export function withNewest(list, parts) {
  const {next} = parts.at(-1);
  const pages = parts.flatMap(({ref, items}) => filled(ref, [...items].sort(newerFirst)));
  if (next === null) return {pages, next: null, complete: true};
  // The server may give an empty page with a further one behind it. What is loaded so far stays, and so does how far it was read.
  if (pages.length === 0) return list.pages.length > 0 || list.next !== null ? list : {pages: [], next, complete: false};
  const {oldest} = pages.at(-1);
  const older = list.pages.filter((page) => page.oldest < oldest);
  const [first] = older;
  // What is older of a page that was let go is not known.
  if (!first || !reaches(list, parts) || (first.jobs === null && first.newest >= oldest)) return {pages, next, complete: false};
  if (first.newest < oldest) return {...list, pages: [...pages, ...older]};
  const rest = first.jobs.filter((job) => job.job_id < oldest);
  const last = pages.pop();
  // The first page is never let go, so it does not get long: `next` begins behind it.
  const joined = last.count + rest.length > MOST ? [last, pageOf(next, rest)] : [pageOf(last.ref, [...last.jobs, ...rest])];
  return {...list, pages: [...pages, ...joined, ...older.slice(1)]};
}

// A job with the state that an event told. What the state does not have any more goes.
export function laidOver(job, change) {
  const {reason, message, started_on: started, finished_on: finished, expires_on: expires, ...lasting} = job;
  return {...lasting, ...change};
}

const placed = (list, at, page) => ({...list, pages: [...list.pages.slice(0, at), ...page, ...list.pages.slice(at + 1)]});

// [page, row in it] of a job; [-1, -1] if it is not loaded.
function placeOf(list, id) {
  const at = list.pages.findIndex((page) => page.jobs && holds(page, id));
  const row = at < 0 ? -1 : list.pages[at].jobs.findIndex((job) => job.job_id === id);
  return row < 0 ? [-1, -1] : [at, row];
}

// A change that the event stream told. Returns the same list if the job is not loaded.
export function withChange(list, change) {
  const [at, row] = placeOf(list, change.job_id);
  if (at < 0) return list;
  const page = list.pages[at];
  return placed(list, at, [{...page, jobs: page.jobs.with(row, laidOver(page.jobs[row], change))}]);
}

export function without(list, id) {
  const [at, row] = placeOf(list, id);
  if (at < 0) return list;
  const {ref, jobs} = list.pages[at];
  return placed(list, at, filled(ref, jobs.toSpliced(row, 1)));
}

// The loaded rows that pass a test. Returns the same list if all do.
export function onlyThose(list, test) {
  if (list.pages.every(({jobs}) => !jobs || jobs.every(test))) return list;
  return {...list, pages: list.pages.flatMap((page) => (page.jobs ? filled(page.ref, page.jobs.filter(test)) : [page]))};
}

// Whether a job that is not in the list may belong into it: it is newer than the oldest row, or all rows are known.
export function mayBelong(list, id) {
  const page = list.pages.find((one) => holds(one, id));
  if (page && (!page.jobs || page.jobs.some((job) => job.job_id === id))) return false;
  return list.complete || list.pages.length === 0 || id > list.pages.at(-1).oldest;
}

// Calls see(page, its first row) for each page that has rows from `first` up to `end`.
function eachBetween(list, first, end, see) {
  let begin = 0;
  for (const page of list.pages) {
    if (begin < end && begin + page.count > first) see(page, begin);
    begin += page.count;
  }
}

// The jobs in the rows from `first` up to `end`; null where one was let go.
export function rowsBetween(list, first, end) {
  const rows = [];
  eachBetween(list, first, end, ({jobs, count}, begin) => {
    for (let row = Math.max(first, begin); row < Math.min(end, begin + count); ++row) rows.push(jobs ? jobs[row - begin] : null);
  });
  return rows;
}

// The page with a row in sight that was let go; undefined if there is none.
export function missingPage(list, first, end) {
  const found = [];
  eachBetween(list, first, end, (page) => page.jobs === null && found.push(page));
  return found[0];
}

// The page with its rows again. items: what the server has in its range now, and perhaps more.
export function withAgain(list, ref, items) {
  const at = list.pages.findIndex((page) => page.ref === ref && page.jobs === null);
  if (at < 0) return list;
  return placed(list, at, filled(ref, items.filter(({job_id: id}) => holds(list.pages[at], id)).sort(newerFirst)));
}

// Without the rows that are far from those from `first` up to `end`. Returns the same list if there are none.
export function withoutFar(list, first, end) {
  const near = new Set();
  eachBetween(list, first - NEAR, end + NEAR, (page) => near.add(page));
  const far = (page) => page.ref !== null && page.jobs !== null && !near.has(page);
  if (!list.pages.some(far)) return list;
  return {...list, pages: list.pages.map((page) => (far(page) ? {...page, jobs: null} : page))};
}

// The part of a list of `count` rows that a scrolled box shows, with `spare` rows around it.
export function visibleRows(count, rowHeight, top, boxHeight, spare = 8) {
  const first = Math.max(0, Math.floor(top / rowHeight) - spare);
  return {first: Math.min(first, count), end: Math.min(count, Math.ceil((top + boxHeight) / rowHeight) + spare)};
}
