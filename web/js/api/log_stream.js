// The stream of a log, as text that grows. It begins anew after a break.
import {ApiError, isAbort} from './errors.js';
import {pause, sleep} from '../state/backoff.js';

export const MOST_KEPT = 4 << 20;  // characters; of a longer log the end

// open(signal) sends the request. onText(whole): all text that is kept. Ends when the log is complete or the signal says so.
export async function followLog({open, onText, signal, wait = sleep}) {
  for (let count = 0; !signal.aborted; ++count) {
    let asked = 0;
    try {
      const answer = await open(signal);
      let text = '';
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const {value, done} = await reader.read();
        if (done) return;
        text += value;
        if (text.length > 2 * MOST_KEPT) text = text.slice(text.indexOf('\n', text.length - MOST_KEPT) + 1);
        count = 0;
        onText(text);
      }
    } catch (problem) {
      if (isAbort(problem) || signal.aborted) return;
      if (problem instanceof ApiError && problem.kind !== 'away' && problem.kind !== 'server') throw problem;
      asked = problem.retryAfter ?? 0;
    }
    try {
      await wait(pause(count, {atLeast: asked}), signal);
    } catch {
      return;
    }
  }
}
