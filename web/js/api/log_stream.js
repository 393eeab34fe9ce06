// The stream of a log, piece by piece. After a break it begins anew.
import {ApiError, isAbort} from './errors.js';
import {createDecoder} from '../preview/decode.js';
import {pause, sleep} from '../state/backoff.js';

const NONE = new Uint8Array(0);

// open(signal) sends the request. onBegin(): the log begins, also anew after a break. onText(piece): what has come; a promise that it
// returns is waited for, so that a fast log does not hold up the page. Ends when the log
// is complete or the signal says so.
export async function followLog({open, onBegin = () => {}, onText, signal, wait = sleep}) {
  for (let count = 0; !signal.aborted; ++count) {
    let asked = 0;
    try {
      const answer = await open(signal);
      onBegin();
      const reader = answer.body.getReader();
      const decoder = createDecoder();
      for (;;) {
        const {value = NONE, done} = await reader.read();
        count = 0;
        const text = decoder.push(value, done);
        if (text !== '') await onText(text);
        if (done) return;
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
