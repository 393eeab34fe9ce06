// The changes of the tenant's jobs. One stream for the whole page, open while somebody listens and the page is visible.
// Without the stream (a server that has none) listeners are told to look for themselves.
import {followEvents} from '../api/events.js';
import {sleep} from './backoff.js';
import {createStore} from './store.js';

const LOOK_AGAIN = 5000;  // milliseconds; beside a stream that is not open up to three times as long

// A listener gets {type: 'job', job}, {type: 'deleted', id}, or {type: 'look'}: anything may have changed.
export function createLive({api, session, features, page = globalThis.document, wait = sleep}) {
  const listeners = new Set();
  const open = createStore(false);
  const busy = createStore(false);  // the server refuses the stream at the moment: 429 or 503
  let stop = null;

  const tell = (news) => [...listeners].forEach((listener) => listener(news));

  function onEvent({type, data}) {
    let value;
    try {
      value = JSON.parse(data);
    } catch {
      return;  // not ours
    }
    if (type === 'job') tell({type: 'job', job: value});
    else if (type === 'deleted') tell({type: 'deleted', id: value.job_id});
    // The full state: after a break anything may have changed, also what it does not have.
    else if (type === 'state' && value.last) tell({type: 'look'});
  }

  async function look(signal) {
    while (!signal.aborted) {
      await wait(LOOK_AGAIN * (features.get().events ? 1 + 2 * Math.random() : 1), signal);
      if (!open.get()) tell({type: 'look'});
    }
  }

  // When the stream breaks, a listener's own request shows whether the server is away.
  function onState(now, problem) {
    busy.set(problem?.status === 429 || problem?.status === 503);
    const broke = open.get() && !now;
    open.set(now);
    if (broke) tell({type: 'look'});
  }

  function start() {
    if (stop || listeners.size === 0 || page.hidden || features.get() === null || !session.get().identity || session.get().expired) return;
    const mine = (stop = new AbortController());
    const looking = look(mine.signal);
    const run = features.get().events
      ? followEvents({open: (headers, signal) => api.send('GET', 'events', {headers, signal}), onEvent, onState, signal: mine.signal})
      : looking;
    looking.catch(() => {});  // ended
    // Refused: the role does not read jobs, or the key is not taken. Both are shown elsewhere.
    run.catch(() => {}).finally(() => {
      if (stop !== mine) return;
      mine.abort();
      stop = null;
      open.set(false);
    });
  }

  function end() {
    stop?.abort();
    stop = null;
    open.set(false);
    busy.set(false);
  }

  page.addEventListener('visibilitychange', () => (page.hidden ? end() : (tell({type: 'look'}), start())));
  session.watch(({identity, expired}) => {
    end();
    if (identity && !expired) {
      tell({type: 'look'});
      start();
    }
  });
  features.watch(() => {
    end();
    start();
  });

  return {
    open, busy,
    // Returns a function that ends it.
    listen(listener) {
      listeners.add(listener);
      start();
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) end();
      };
    },
  };
}
