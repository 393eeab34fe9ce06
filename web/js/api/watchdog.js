// Finds connections that are dead without a word: after a change of networks, a sleep, or behind a proxy that forgot them. Until the
// browser itself notices can take hours.
import {ApiError} from './errors.js';
import {sleep} from '../state/backoff.js';

export const TICK = 15_000;  // milliseconds; a stream of events has a line as often (docs/api.md)

// {signal, heard, late, end}. signal ends with `outer`, and after `ticks` ticks in which heard() was not called; then late() is true.
// end() when the connection has ended.
export function createWatchdog(outer, {ticks = 3, wait = sleep} = {}) {
  const stop = new AbortController();
  const over = new AbortController();
  const pass = () => stop.abort(outer.reason);
  let silent = 0;
  let late = false;
  const watch = async () => {
    while (silent < ticks) {
      await wait(TICK, over.signal);
      ++silent;
    }
    late = true;
    stop.abort(new ApiError('away'));
  };
  if (outer.aborted) pass();
  else {
    outer.addEventListener('abort', pass, {once: true});
    watch().catch(() => {});  // it has ended
  }
  return {
    signal: stop.signal,
    heard: () => (silent = 0),
    late: () => late,
    end() {
      outer.removeEventListener('abort', pass);
      over.abort();
    },
  };
}
