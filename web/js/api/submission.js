// What it takes to start a job, or many: packing the files, sending them, and the requests that make repository and jobs. No drawing.
import {batchBody, repositoryBody} from '../sweep/send.js';
import {createOnce} from './once.js';
import {sendUpload, WORTH} from './tus.js';
import {formOf, goesAlone, sendForm} from './upload.js';
import {packFiles} from './zip.js';

const totalOf = (files) => files.reduce((sum, {file}) => sum + file.size, 0);
const listOf = (files) => files.map(({name, file}) => [name, file.size, file.lastModified]);

// One for each view. It keeps what makes a repetition of the same submission safe: the idempotency keys, and what was uploaded.
// uploads(): whether the server takes resumable uploads.
export function createSubmission({api, base, identity, uploads, XMLHttpRequest, wait}) {
  const forRepository = createOnce();
  const forJobs = createOnce();
  let sent = null;  // {text, id} of the upload of these files

  async function packed(files, onWork, signal) {
    if (files.length === 0) return {file: null, fileName: ''};
    if (goesAlone(files)) return {file: files[0].file, fileName: files[0].name};
    const all = totalOf(files);
    onWork({step: 'packing', done: 0, all});
    return {file: await packFiles(files, (done) => onWork({step: 'packing', done, all}), signal), fileName: 'input.zip'};
  }

  // Sends a large file before the request, so that a lost connection does not lose it. The id of the upload; null if the file goes in the
  // request, as it does where the server takes no upload: they may be turned off, or the client has as many as it may have.
  async function uploaded(files, {file, fileName}, onWork, signal) {
    if (!file || file.size < WORTH || !uploads()) return null;
    const text = JSON.stringify([identity().username, listOf(files)]);
    if (sent?.text === text) return sent.id;
    let place = {step: 'sending', done: 0, all: file.size};
    const upload = sendUpload({
      api, blob: file, fileName, signal, wait,
      onProgress: (done, all) => onWork((place = {...place, done, all, upload})),
      onState: (state, reason) => onWork((place = {...place, state, reason, upload})),
    });
    onWork((place = {...place, upload}));
    const id = await upload.done.catch((error) => {
      if (error.unmade) return null;
      if (error.kind === 'missing') error.kind = 'upload';
      throw error;
    });
    if (id !== null) sent = {text, id};
    return id;
  }

  // Sends a request with files: {path, repository, params, metadata, callback}.
  async function post(request, files, once, onWork, signal) {
    const {file, fileName} = await packed(files, onWork, signal);
    const upload = await uploaded(files, {file, fileName}, onWork, signal);
    onWork({step: upload ? 'waiting' : 'sending', done: 0, all: upload ? 0 : file?.size ?? 0});
    const {path, repository, params, metadata, callback = ''} = request;
    try {
      return await sendForm({
        base, identity: identity(), path, repository, signal, XMLHttpRequest,
        form: formOf({file: upload ? null : file, fileName, upload, params, metadata, callback}),
        key: once.keyOf([identity().username, path, repository, params, metadata, callback, listOf(files), upload]),
        onProgress: (done, all) => onWork(all && done >= all ? {step: 'waiting', done, all} : {step: 'sending', done, all}),
      });
    } catch (error) {
      // It was removed because of its age, or used: the next try sends it anew.
      if (upload && (error.kind === 'missing' || error.status === 409)) {
        sent = null;
        if (/upload/i.test(error.error)) error.kind = 'upload';
      }
      throw error;
    }
  }

  return {
    // {job_id, notes}. job: {files, repository, params, metadata, callback}; params and metadata are JSON, or ''.
    async one({files, ...request}, {onWork, signal}) {
      const made = await post({path: 'job/execute', ...request}, files, forJobs, onWork, signal);
      forJobs.done();
      sent = null;
      return made;
    },
    // {job_ids, repository_id, notes} of many jobs. Without a repository one is made of the files.
    async many({files, repository, rows, metadata, callback}, {onWork, signal}) {
      const body = batchBody({rows, metadata, callback});
      let made = {repository_id: repository};
      if (!repository && files.length) made = await post({path: 'repository', repository: '', params: '', metadata}, files, forRepository, onWork, signal);
      else if (!repository) made = await api.makeRepository(repositoryBody({metadata}), forRepository.keyOf([identity().username, metadata, body]), {signal});
      onWork({step: 'waiting', done: 0, all: 0});
      const {job_ids: ids} = await api.batch(made.repository_id, body, forJobs.keyOf([identity().username, made.repository_id, body]), {signal});
      forRepository.done();
      forJobs.done();
      sent = null;
      return {job_ids: ids, repository_id: made.repository_id, notes: made.notes};
    },
  };
}
