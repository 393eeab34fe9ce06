// Server-Sent Events over fetch, because EventSource can't send the identity headers. The format is that of
// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
import {ApiError, isAbort} from './errors.js';
import {createWatchdog} from './watchdog.js';
import {pause, sleep} from '../state/backoff.js';

const LONGEST_EVENT = 16 << 20;  // characters; a stream with a longer one is not ours

// Takes the text as it comes and gives whole events {id, type, data} and wishes for the pause ({retry}).
export function createEventParser(onEvent, onRetry = () => {}) {
  let rest = '';
  let data = [];
  let size = 0;
  let type = '';
  let id;  // keeps its value from event to event

  function line(text) {
    if (text === '') {
      if (data.length) onEvent({id, type: type || 'message', data: data.join('\n')});
      data = [];
      size = 0;
      type = '';
      return;
    }
    const colon = text.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') {
      data.push(value);
      size += value.length;
    } else if (name === 'event') type = value;
    else if (name === 'id' && !value.includes('\0')) id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) onRetry(Number(value));
  }

  return (text) => {
    rest += text;
    if (rest.length + size > LONGEST_EVENT) throw new Error('an event is too long');
    // A CR at the end may be the first half of CR LF.
    for (let found; (found = /\r\n|\n|\r(?!$)/.exec(rest)); ) {
      line(rest.slice(0, found.index));
      rest = rest.slice(found.index + found[0].length);
    }
  };
}

// Follows a stream until it is complete (204), the signal ends it, or the server refuses it. It goes on after breaks with
// the last id. open(headers, signal) sends the request. onState(live, problem): whether the stream is open, and
// the error if it broke or was refused. A connection on which nothing comes is given up. tick: as sleep(), for the time until then.
export async function followEvents({open, onEvent, onState = () => {}, signal, wait = sleep, tick = sleep, random = Math.random}) {
  let lastId;
  let least = 1000;
  for (let count = 0; !signal.aborted; ++count) {
    let asked = 0;
    let broke = null;
    const watchdog = createWatchdog(signal, {wait: tick});
    try {
      const answer = await open({accept: 'text/event-stream', ...(lastId ? {'last-event-id': lastId} : {})}, watchdog.signal);
      if (answer.status === 204) return;
      onState(true);
      const parse = createEventParser((event) => {
        count = 0;
        if (event.id !== undefined) lastId = event.id;
        onEvent(event);
      }, (milliseconds) => (least = Math.min(milliseconds, 60_000)));
      for await (const text of texts(answer.body)) {
        watchdog.heard();
        parse(text);
      }
    } catch (error) {
      if (signal.aborted) return;
      // Some browsers tell an end by a signal without its reason.
      const problem = watchdog.late() ? new ApiError('away') : error;
      if (isAbort(problem)) return;
      if (problem instanceof ApiError && problem.kind !== 'away' && problem.kind !== 'server') {
        onState(false);
        throw problem;
      }
      asked = problem.retryAfter ?? 0;
      broke = problem;
    } finally {
      watchdog.end();
    }
    onState(false, broke);
    try {
      await wait(pause(count, {first: least, atLeast: Math.max(asked, least), random}), signal);
    } catch {
      return;
    }
  }
}

async function* texts(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const {value, done} = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
