// Resumable uploads (tus 1.0, https://tus.io/protocols/resumable-upload): creation, and parts with checksums. After a lost connection
// the upload goes on by itself from where the server has it.
import {ApiError, isAbort} from './errors.js';
import {pause as pauseFor, sleep} from '../state/backoff.js';

const VERSION = {'tus-resumable': '1.0.0'};
export const PARTS = {first: 1 << 20, least: 256 << 10, most: 32 << 20};  // bytes of a part
const QUICK = 2000;  // milliseconds; a part that takes less is followed by a larger one
const SLOW = 8000;
const MOST_DAMAGED = 5;
const DAMAGED = 460;  // Checksum Mismatch
const MOST_REFUSED = 5;  // times in a row, with 429 or a fault of the server; then it is told
const LONG = 10_000;  // milliseconds; a server that takes no new upload for so long is not waited for

// From this size on an upload is worth its requests.
export const WORTH = 8 << 20;

const base64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes)));

// Only a page that came by HTTPS (or from this computer) can compute digests. TLS guards the bytes there too; a checksum finds faults
// of proxies and disks behind it.
async function checksumOf(blob, subtle) {
  if (!subtle) return {};
  return {'upload-checksum': `sha1 ${base64(await subtle.digest('SHA-1', await blob.arrayBuffer()))}`};
}

// Upload-Metadata with the name of the file; its ending tells the server what it is.
export const uploadMetadata = (fileName) => `filename ${base64(new TextEncoder().encode(fileName))}`;

// The id in the Location of an answer. The address itself is not used: a proxy may have made it.
export function uploadId(location) {
  const found = /\/uploads\/([^/?#]+)\/?(?:[?#]|$)/.exec(location ?? '');
  return found ? decodeURIComponent(found[1]) : null;
}

// Begins to send. {done, pause, resume}: done is a promise of the upload's id. onState('sending' | 'paused' | 'away' | 'busy' | 'key', reason).
// With 'busy' the server can't take it at the moment, and the reason is what it says; with 'key' it does not take the key any more: resume()
// after a new sign-in. A refusal that stays ends it; if the server takes no upload (429), the error has unmade: true. What was sent is removed
// when the signal ends it. api: send() of the client.
export function sendUpload({api, blob, fileName = 'input.zip', onProgress = () => {}, onState = () => {}, signal, wait = sleep, now = () => performance.now(), subtle = globalThis.crypto?.subtle}) {
  let paused = null;  // {promise, resolve} while it is
  let part = null;  // the request under way
  let size = PARTS.first;
  const hold = () => {
    if (!paused) {
      let resolve;
      paused = {promise: new Promise((done) => (resolve = done)), resolve};
    }
  };
  const state = (name, reason = '') => onState(name, reason);

  async function gate() {
    signal?.throwIfAborted();
    while (paused) {
      await Promise.race([paused.promise, ...(signal ? [new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), {once: true}))] : [])]);
    }
  }

  const ask = (method, path, options = {}) => api.send(method, path, {...options, signal: part.signal, headers: {...VERSION, ...options.headers}});

  // Repeats the request until it is answered. Lost connections, a server that is away, a pause and a refused key only hold it up. longest: the
  // pause that a server may ask for.
  async function lasting(request, longest = Infinity) {
    for (let count = 0, refused = 0; ; ) {
      do await gate(); while (paused);
      part = new AbortController();
      const stop = () => part.abort(signal.reason);
      signal?.addEventListener('abort', stop, {once: true});
      try {
        const answer = await request();
        state('sending');
        return answer;
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (error.kind === 'key') {
          state('key');
          hold();
        } else if (error.kind === 'away' || error.kind === 'server') {
          const refusal = error.status === 429 || error.kind === 'server';
          refused = refusal ? refused + 1 : 0;
          if (refused === MOST_REFUSED || (refusal && error.retryAfter > longest)) throw error;
          state(error.status ? 'busy' : 'away', error.detail || error.error);
          await wait(pauseFor(count++, {atLeast: error.retryAfter}), signal);
        } else if (!isAbort(error)) throw error;
      } finally {
        signal?.removeEventListener('abort', stop);
      }
    }
  }

  const offsetOf = (answer) => {
    const offset = Number(answer.headers.get('upload-offset') ?? NaN);
    if (!Number.isInteger(offset) || offset < 0 || offset > blob.size) throw new ApiError('server', {error: 'Upload-Offset'});
    return offset;
  };

  async function run() {
    const made = await lasting(() => ask('POST', 'uploads', {headers: {'upload-length': String(blob.size), 'upload-metadata': uploadMetadata(fileName)}}), LONG)
      .catch((error) => {
        throw error.status === 429 ? Object.assign(error, {unmade: true}) : error;
      });
    const id = uploadId(made.headers.get('location'));
    if (!id) throw new ApiError('server', {error: 'Location'});
    const path = `uploads/${encodeURIComponent(id)}`;
    try {
      await parts(path);
    } catch (error) {
      if (signal?.aborted) api.send('DELETE', path, {headers: VERSION}).catch(() => {});
      throw error;
    }
    return id;
  }

  async function parts(path) {
    let offset = 0;
    let damaged = 0;
    let checked = true;
    onProgress(0, blob.size);
    while (offset < blob.size) {
      const begun = now();
      let asked = false;  // how much the server has is not known after a request that broke
      const answer = await lasting(async () => {
        if (asked) {
          const known = offsetOf(await ask('HEAD', path));
          if (known !== offset) return known;
        }
        asked = true;
        const bytes = blob.slice(offset, offset + size);
        const headers = {'content-type': 'application/offset+octet-stream', 'upload-offset': String(offset), ...(checked ? await checksumOf(bytes, subtle) : {})};
        try {
          return offsetOf(await ask('PATCH', path, {body: bytes, headers}));
        } catch (error) {
          // Another offset is there, or the part was damaged on the way.
          if (error.status === 409) return offsetOf(await ask('HEAD', path));
          if (error.status === DAMAGED && ++damaged <= MOST_DAMAGED) return offset;
          if (error.status === 400 && headers['upload-checksum'] && checked) {
            checked = false;  // the server has no such checksum
            return offset;
          }
          throw error;
        }
      });
      const took = now() - begun;
      if (answer > offset) size = took < QUICK ? Math.min(PARTS.most, size * 2) : took > SLOW ? Math.max(PARTS.least, size / 2) : size;
      offset = answer;
      onProgress(offset, blob.size);
    }
  }

  return {
    done: run(),
    pause() {
      hold();
      part?.abort();
      state('paused');
    },
    resume() {
      const {resolve} = paused ?? {};
      paused = null;
      resolve?.();
      state('sending');
    },
  };
}
