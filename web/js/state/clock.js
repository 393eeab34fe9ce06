// The time by the server's clock, by which the times of jobs are written. The browser's may be minutes off. No drawing.
const NEARLY = 2000;  // milliseconds; a clock that is so near is left as it is: the header `Date` has whole seconds

// local: the browser's clock.
export function createClock(local = Date.now) {
  let offset = 0;
  let best = Infinity;
  return {
    now: () => local() + offset,
    // date: the header `Date` of an answer that is not from a cache; begin, end: when it was asked for and when it came, by the browser's clock.
    // Of two answers the faster one says it better.
    hear(date, begin, end) {
      const told = Date.parse(date ?? '');
      const took = end - begin;
      if (Number.isNaN(told) || took < 0 || took > best + 500) return;
      best = Math.min(best, took);
      const found = told + 500 - (begin + end) / 2;
      offset = Math.abs(found) < NEARLY + took / 2 ? 0 : found;
    },
  };
}
