// How long to wait before try number `count` (0 is the first repetition), in milliseconds: twice as long each time, with a
// random part so that many pages do not come back in the same moment. `atLeast` is what the server asked for.
export function pause(count, {first = 1000, most = 30_000, atLeast = 0, random = Math.random} = {}) {
  const full = Math.min(most, first * 2 ** Math.min(count, 16));
  return Math.max(atLeast, full / 2 + (full / 2) * random());
}

// Waits. Ends early, with an AbortError, when the signal says so.
export function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const aborted = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', aborted);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', aborted, {once: true});
  });
}
