// Starting a job with files. XMLHttpRequest, because fetch does not tell how much was sent.
import {ApiError, errorOf} from './errors.js';
import {identityHeaders} from './client.js';

const ALONE = /\.(zip|csv|xlsx|json)$/i;

// Whether the server takes this one file as it is; all else goes into a ZIP.
export const goesAlone = (files) => files.length === 1 && !files[0].name.includes('/') && ALONE.test(files[0].name);

// upload: the id of an upload that has the file.
export function formOf({file, fileName, upload, params, metadata, callback}) {
  const form = new FormData();
  // The file comes last: what is wrong with the other fields is found before it is sent.
  if (params) form.append('params', params);
  if (metadata) form.append('metadata', metadata);
  if (callback) form.append('callback_url', callback);
  if (upload) form.append('upload_id', upload);
  if (file) form.append('file', file, fileName);
  return form;
}

// Sends the form. path: 'job/execute' or 'repository'. `key`: the same key makes the same thing once, also if it is sent twice.
export function sendForm({base, identity, path = 'job/execute', repository, form, key, onProgress = () => {}, signal, XMLHttpRequest}) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', new URL(path, base));
    for (const [name, value] of Object.entries(identityHeaders(identity))) request.setRequestHeader(name, value);
    if (repository) request.setRequestHeader('repository_id', repository);
    if (key) request.setRequestHeader('Idempotency-Key', key);
    request.upload.onprogress = (event) => onProgress(event.loaded, event.lengthComputable ? event.total : 0);
    request.onload = () => {
      if (request.status === 201) {
        try {
          resolve(JSON.parse(request.responseText));
        } catch {
          reject(new ApiError('server', {status: 201, requestId: request.getResponseHeader('x-request-id') ?? ''}));
        }
      } else reject(errorOf(request.status, (name) => request.getResponseHeader(name), request.responseText));
    };
    request.onerror = () => reject(new ApiError('away'));
    request.onabort = () => reject(signal.reason);
    signal?.addEventListener('abort', () => request.abort(), {once: true});
    request.send(form);
  });
}
