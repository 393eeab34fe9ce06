// The stream of a log, piece by piece. After a break it begins anew.
import {ApiError, isAbort} from './errors.js';
import {pause, sleep} from '../state/backoff.js';

// open(signal) sends the request. onBegin(): the log begins, also anew after a break. onText(piece): what has come; a promise that it
// returns is waited for, so that a fast log does not hold up the page. Ends when the log
// is complete or the signal says so.
export async function followLog({open, onBegin = () => {}, onText, signal, wait = sleep}) {
  for (let count = 0; !signal.aborted; ++count) {
    let asked = 0;
    try {
      const answer = await open(signal);
      onBegin();
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const {value, done} = await reader.read();
        if (done) return;
        count = 0;
        await onText(value);
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
