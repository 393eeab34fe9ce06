// A new job: input, params, name; progress; the same call for a terminal and for Python.
import {html, useEffect, useRef, useState} from '../dom.js';
import {asCurl, asPython} from '../api/examples.js';
import {may} from '../api/features.js';
import {isAbort} from '../api/errors.js';
import {createOnce} from '../api/once.js';
import {execute, formOf, goesAlone} from '../api/upload.js';
import {packFiles} from '../api/zip.js';
import {faultOf} from '../preview/json.js';
import {formatRoute} from '../state/route.js';
import {droppedFiles} from './dropped.js';
import {useApp, useLoad, useStore} from './context.js';
import {Copy, describeError, More} from './parts.js';

export function SubmitView({repository}) {
  const {t, session, features} = useApp();
  const {role} = useStore(session);
  const makes = role === null || may(features, role, 'createRepository');
  const [fields, setFields] = useState({existing: Boolean(repository) || !makes, repository, name: '', params: '', files: []});
  const set = (part) => setFields((before) => ({...before, ...part}));
  return html`<div class="page"><div class="page-head"><h1 tabindex="-1">${t('submit.title')}</h1></div>
    <div class="submit"><${Form} fields=${fields} set=${set} makes=${makes} /><${SameCall} fields=${fields} /></div></div>`;
}

const metadataOf = ({name}) => (name.trim() ? JSON.stringify({name: name.trim()}) : '');
const repositoryOf = ({existing, repository}) => (existing ? repository : '');

function Form({fields, set, makes}) {
  const {t, api, session, base, format} = useApp();
  const [work, setWork] = useState(null);  // {step, done, all}
  const [problem, setProblem] = useState(null);
  const [told, setTold] = useState(null);  // {notes, place} of the job that was made, if the server had something to say
  const stop = useRef(null);
  const once = useRef(null);
  once.current ??= createOnce();
  useEffect(() => () => stop.current?.abort(), []);
  const fault = faultOf(fields.params);
  const ready = !fault && (!fields.existing || fields.repository);

  const send = async (event) => {
    event.preventDefault();
    if (work || !ready) return;
    stop.current = new AbortController();
    const {signal} = stop.current;
    setProblem(null);
    try {
      const {files} = fields;
      let file = null;
      let fileName = '';
      if (files.length && goesAlone(files)) {
        file = files[0].file;
        fileName = files[0].name;
      } else if (files.length) {
        const all = files.reduce((sum, {file: one}) => sum + one.size, 0);
        setWork({step: 'packing', done: 0, all});
        file = await packFiles(files, (done) => setWork({step: 'packing', done, all}), signal);
        fileName = 'input.zip';
      }
      setWork({step: 'sending', done: 0, all: file?.size ?? 0});
      const made = await execute({
        base, identity: session.get().identity, repository: repositoryOf(fields), signal, XMLHttpRequest,
        form: formOf({file, fileName, params: fields.params.trim(), metadata: metadataOf(fields)}),
        key: once.current.keyOf([session.get().identity.username, repositoryOf(fields), fields.params.trim(), metadataOf(fields), files.map(({name, file: one}) => [name, one.size, one.lastModified])]),
        onProgress: (done, all) => setWork(all && done >= all ? {step: 'waiting', done, all} : {step: 'sending', done, all}),
      });
      once.current.done();
      const place = formatRoute(session.get().role === 'stakeholder' ? ['repositories'] : ['jobs', made.job_id]);
      if (made.notes?.length) setTold({notes: made.notes, place});
      else location.hash = place;
    } catch (caught) {
      const error = await api.refusal(caught, signal);
      if (!isAbort(error)) setProblem(error instanceof RangeError ? {title: t('submit.too_large')} : error.kind === 'away' && !error.status ? {title: t('submit.lost')} : describeError(t, error));
    }
    setWork(null);
  };

  if (told) {
    return html`<div class="card" role="status"><h2>${t('submit.made')}</h2><p>${t('submit.notes')}</p><ul>${told.notes.map((note) => html`<li dir="auto">${note}</li>`)}</ul><a class="button primary" href=${told.place}>${t('submit.open')}</a></div>`;
  }
  return html`<form class="card form" onSubmit=${send} novalidate>
    <div class="field"><label for="name">${t('submit.name')}</label><input id="name" value=${fields.name} maxlength="200" aria-describedby="name-hint" onInput=${(event) => set({name: event.target.value})} /><p class="hint" id="name-hint">${t('submit.name_hint')}</p></div>
    <fieldset class="choice"><legend>${t('submit.where')}</legend><div class="segments">
      <button type="button" disabled=${!makes} aria-pressed=${String(!fields.existing)} onClick=${() => set({existing: false})}>${t('submit.new')}</button>
      <button type="button" aria-pressed=${String(fields.existing)} onClick=${() => set({existing: true})}>${t('submit.existing')}</button></div></fieldset>
    ${fields.existing && html`<${ChooseRepository} value=${fields.repository} onChange=${(repository) => set({repository})} />`}
    <${DropZone} files=${fields.files} set=${set} hint=${t(fields.existing ? 'submit.overlay_hint' : 'submit.files_hint')} />
    <div class="field"><label for="params">${t('submit.params')}</label>
      <textarea id="params" class="code" rows="7" spellcheck=${false} value=${fields.params} placeholder=${'{"a": 10, "b": 20}'} aria-invalid=${fault ? 'true' : undefined} aria-describedby="params-hint" onInput=${(event) => set({params: event.target.value})}></textarea>
      <p id="params-hint" class=${fault ? 'field-error' : 'hint'} role=${fault ? 'status' : undefined}>${fault ? (fault.object === false ? t('submit.params_object') : t('submit.params_fault', fault)) : t(fields.existing ? 'submit.params_over' : 'submit.params_hint')}</p></div>
    ${problem && html`<p class="field-error" role="alert">${problem.title} ${problem.hint}</p>`}
    ${work && html`<div class="progress" role="status"><span>${work.step === 'waiting' ? t('submit.waiting') : t(`submit.${work.step}`)}</span>
      <progress max=${work.all || 1} value=${work.step === 'waiting' ? undefined : work.done} aria-label=${t(`submit.${work.step}`)}></progress>
      ${work.all > 0 && html`<span class="hint">${t('file.progress', {done: format.bytes(work.done), all: format.bytes(work.all)})}</span>`}</div>`}
    <div class="form-actions"><button class="button primary" disabled=${Boolean(work) || !ready}>${t('submit.start')}</button>
      ${work && html`<button type="button" class="button" onClick=${() => stop.current.abort()}>${t('submit.stop')}</button>`}</div>
  </form>`;
}

function ChooseRepository({value, onChange}) {
  const {t, api} = useApp();
  const state = useLoad(async (signal) => api.filled(await api.repositories({page_size: 1000}, {signal}), 1000, {signal}), []);
  const items = state.data?.items ?? [];
  const known = items.some(({repository_id: id}) => id === value);
  return html`<div class="field"><label for="repository">${t('submit.repository')}</label>
    <select id="repository" value=${value} onChange=${(event) => onChange(event.target.value)}>
      <option value="">${state.data ? t('submit.choose') : t('common.loading')}</option>
      ${value && !known && html`<option value=${value}>${value}</option>`}
      ${items.map((repository) => html`<option key=${repository.repository_id} value=${repository.repository_id}>${repository.name || t('repositories.unnamed')} · ${repository.repository_id}</option>`)}
    </select>
    ${state.data && html`<${More} page=${state.data} set=${state.set} />`}
    ${state.data && items.length === 0 && html`<p class="hint">${t('submit.no_repository')}</p>`}
    ${state.error && html`<p class="field-error" role="alert">${describeError(t, state.error).title}</p>`}</div>`;
}

function DropZone({files, set, hint}) {
  const {t, format} = useApp();
  const [over, setOver] = useState(false);
  const pickFiles = useRef(null);
  const pickFolder = useRef(null);
  const drop = async (event) => {
    event.preventDefault();
    setOver(false);
    set({files: await droppedFiles(event.dataTransfer)});
  };
  const picked = (event) => {
    // Of a chosen folder the names below it, as an input has them.
    const list = [...event.target.files].map((file) => ({name: file.webkitRelativePath.replace(/^[^/]*\//, '') || file.name, file}));
    if (list.length) set({files: list});
    event.target.value = '';
  };
  const size = files.reduce((sum, {file}) => sum + file.size, 0);
  return html`<div class="field" role="group" aria-labelledby="files-label"><span class="label" id="files-label">${t('submit.files')}</span>
    <div class=${`drop ${over ? 'over' : ''}`} onDragOver=${(event) => (event.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)} onDrop=${drop}>
      ${files.length === 0 ? html`<p>${t('submit.drop')}</p>` : html`<ul class="chosen">${files.slice(0, 5).map(({name, file}) => html`<li key=${name}><span dir="auto">${name}</span><span class="hint">${format.bytes(file.size)}</span></li>`)}</ul>
        <p class="hint" role="status">${t('submit.chosen', {count: format.number(files.length), size: format.bytes(size)})}</p>`}
      <div class="drop-actions"><button type="button" class="button small" onClick=${() => pickFiles.current.click()}>${t('submit.pick_files')}</button>
        <button type="button" class="button small" onClick=${() => pickFolder.current.click()}>${t('submit.pick_folder')}</button>
        ${files.length > 0 && html`<button type="button" class="button small quiet" onClick=${() => set({files: []})}>${t('submit.remove')}</button>`}</div>
      <input type="file" multiple hidden ref=${pickFiles} onChange=${picked} /><input type="file" webkitdirectory hidden ref=${pickFolder} onChange=${picked} />
    </div><p class="hint">${hint}</p></div>`;
}

function SameCall({fields}) {
  const {t, base, session} = useApp();
  const {identity} = useStore(session);
  const [python, setPython] = useState(false);
  const {files} = fields;
  const fileName = files.length === 0 ? '' : goesAlone(files) ? files[0].name : 'input.zip';
  const call = {base, identity, repository: repositoryOf(fields), params: fields.params.trim(), metadata: metadataOf(fields), fileName};
  const text = python ? asPython(call) : asCurl(call);
  return html`<aside class="card same-call" aria-labelledby="same-call"><h2 id="same-call">${t('submit.same_call')}</h2>
    <div class="bar-row"><div class="segments"><button type="button" aria-pressed=${String(!python)} onClick=${() => setPython(false)}>curl</button><button type="button" aria-pressed=${String(python)} onClick=${() => setPython(true)}>Python</button></div><span class="grow"></span><${Copy} value=${text} /></div>
    <pre class="text" tabindex="0">${text}</pre><p class="hint">${t('submit.key_hint')}</p></aside>`;
}
