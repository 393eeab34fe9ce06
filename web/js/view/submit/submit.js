// A new job, or a sweep of many: input, params, name; progress; the same call for a terminal and for Python.
import {html, useEffect, useMemo, useRef, useState} from '../../dom.js';
import {may} from '../../api/features.js';
import {isAbort} from '../../api/errors.js';
import {createSubmission} from '../../api/submission.js';
import {beginning, isObject} from '../../form/schema.js';
import {faultsOf} from '../../form/validate.js';
import {readParams, writeParams} from '../../form/value.js';
import {noDraft} from '../../state/draft.js';
import {formatRoute, parseRoute} from '../../state/route.js';
import {ErrorSummary, hasForm, ParamsForm, useParamErrors} from '../form/params.js';
import {useApp, useLoad, useStore} from '../context.js';
import {describeError, Loaded} from '../parts.js';
import {ChooseRepository} from './choose_repository.js';
import {DropZone} from './drop_zone.js';
import {MoreSettings} from './more_settings.js';
import {Progress} from './progress.js';
import {SameCall} from './same_call.js';
import {emptySweep, Sweep, useSweep} from './sweep.js';

// What load() gives, or `without` if it is not there, or not for this role.
async function ifThere(load, without) {
  try {
    return await load();
  } catch (error) {
    if (error.kind === 'missing' || error.kind === 'role') return without;
    throw error;
  }
}

// job: the id of a job whose params are the first ones here. clear(): begins anew.
export function SubmitView({repository, job, clear}) {
  const {t, api, features} = useApp();
  // No such application: the answer to a new job says it.
  const state = useLoad(async (signal) => {
    const [application, params] = await Promise.all([
      features.application ? ifThere(() => api.application({signal}), {}) : {},
      job ? ifThere(() => api.jobParams(job, {signal}), '') : '',
    ]);
    const {value} = readParams(params);
    return {schema: isObject(application.params_schema) ? application.params_schema : null, params: value ? writeParams(value) : params};
  }, [features.application, job]);
  return html`<div class="page"><div class="page-head"><h1 tabindex="-1">${t('submit.title')}</h1></div>
    <${Loaded} state=${state}>${({schema, params}) => html`<${NewJob} schema=${schema} first=${params} repository=${repository} clear=${clear} />`}<//></div>`;
}

const metadataOf = ({name}) => (name.trim() ? JSON.stringify({name: name.trim()}) : '');
const repositoryOf = ({existing, repository}) => (existing ? repository : '');

// {params, gone}: the params that the chosen repository has, {} where there is none; whether it is not there.
function useInherited(repository) {
  const {api} = useApp();
  const state = useLoad(async (signal) => {
    if (!repository) return NONE;
    const text = await ifThere(() => api.repositoryParams(repository, {signal}), null);
    return text === null ? {...NONE, gone: true} : {params: readParams(text).value ?? {}, gone: false};
  }, [repository]);
  return state.data ?? NONE;
}
const NONE = {params: {}, gone: false};

// What the schema fixes. Defaults are the server's work: a param that is sent replaces that of the repository.
function fixedParams({default: left, ...schema}) {
  return beginning(schema, schema);
}

function NewJob({schema, first, repository, clear}) {
  const {t, session, features, draft} = useApp();
  const {role} = useStore(session);
  const makes = role === null || may(features, role, 'createRepository');
  const [fields, setFields] = useState(() => ({
    existing: Boolean(repository) || !makes, repository, name: '', callback: '', files: [], many: false, sweep: emptySweep,
    params: first || (schema && hasForm(schema) ? writeParams(fixedParams(schema)) : ''),
  }));
  const [violations, setViolations] = useState([]);
  const [all, setAll] = useState(false);
  const [held, setHeld] = useState({});
  const set = (part) => {
    setFields((before) => ({...before, ...part}));
    draft.set((before) => (before.dirty ? before : {...before, dirty: true}));
    if ('params' in part || 'sweep' in part || 'repository' in part) setViolations((before) => (before.length ? [] : before));
  };
  const {params: inherited, gone} = useInherited(repositoryOf(fields));
  const text = fields.params;
  const {fault} = useMemo(() => readParams(text), [text]);
  const errors = useParamErrors({schema, text, inherited, all: all && !fields.many, violations});
  const sweep = useSweep({fields, schema, inherited});
  const hold = (pointer, yes) => setHeld((before) => (Boolean(before[pointer]) === yes ? before : {...before, [pointer]: yes}));
  // What is missing counts from the first try to send on. The server decides in the end, so it can be sent all the same.
  const fits = () => {
    setAll(true);
    return !schema || faultsOf(schema, {...inherited, ...readParams(text).value}).length === 0;
  };
  const params = {schema, gone, text, tried: all || violations.length > 0, fits, fault, inherited, errors, hold, held: Object.values(held).some(Boolean), onText: (next) => set({params: next})};
  return html`<div class="submit">
    <${Form} fields=${fields} set=${set} makes=${makes} params=${params} sweep=${sweep} setViolations=${setViolations} clear=${clear} />
    <div class="submit-beside">${hasForm(schema ?? {}) && html`<section class="card raw-params" aria-labelledby="raw-params"><h2 id="raw-params">${t('form.beside')}</h2><${RawParams} params=${params} hint="form.beside_hint" /></section>`}
      <${SameCall} fields=${fields} sweep=${sweep} metadata=${metadataOf(fields)} repository=${repositoryOf(fields)} /></div></div>`;
}

function RawParams({params, hint, labelled}) {
  const {t} = useApp();
  const {text, fault, onText} = params;
  const wrong = fault && (fault.object === false ? t('submit.params_object') : fault.deep ? t('form.deep') : t('submit.params_fault', fault));
  return html`<textarea id="params" class="code" rows=${labelled ? 7 : Math.min(24, Math.max(7, text.split('\n').length + 1))} spellcheck=${false} value=${text} placeholder=${'{"a": 10, "b": 20}'} aria-labelledby=${labelled ? undefined : 'raw-params'}
      aria-invalid=${fault ? 'true' : undefined} aria-describedby="params-hint" onInput=${(event) => onText(event.target.value)}></textarea>
    <p id="params-hint" class=${fault ? 'field-error' : 'hint'} role=${fault ? 'status' : undefined}>${wrong || t(hint)}</p>`;
}

function Params({fields, params}) {
  const {t} = useApp();
  const {schema} = params;
  const over = fields.existing ? 'submit.params_over' : 'submit.params_hint';
  if (!hasForm(schema ?? {})) return html`<div class="field"><label for="params">${t('submit.params')}</label><${RawParams} params=${params} hint=${over} labelled=${true} /></div>`;
  return html`<section class="params-form" aria-labelledby="params-title"><h2 id="params-title">${t(fields.many ? 'sweep.common' : 'submit.params')}</h2>
    ${schema.description && html`<p class="hint" dir="auto">${schema.description}</p>`}
    <${ParamsForm} ...${params} /></section>`;
}

function Form({fields, set, makes, params, sweep, setViolations, clear}) {
  const {t, api, session, base, features, draft} = useApp();
  const [work, setWork] = useState(null);  // {step, done, all, state, upload}
  const [problem, setProblem] = useState(null);
  const [refusal, setRefusal] = useState('');  // of the callback
  const [told, setTold] = useState(null);  // {notes, place} of what was made, if the server had something to say
  const stop = useRef(null);
  const submission = useRef(null);
  const what = useRef(features);
  what.current = features;
  submission.current ??= createSubmission({api, base, identity: () => session.get().identity, uploads: () => what.current.uploads, XMLHttpRequest});
  const gone = useRef(false);
  useEffect(() => () => {
    gone.current = true;
    stop.current?.abort();
    draft.set((before) => ({...before, busy: false, dirty: false}));
  }, []);
  const {signIns} = useStore(session);
  const {dirty} = useStore(draft);
  // After a new sign-in what was refused for the old key goes on.
  useEffect(() => {
    setProblem(null);
    if (work?.state === 'key') work.upload.resume();
  }, [signIns]);
  const {errors, fault, held} = params;
  const ready = !fault && !held && !params.gone && (!fields.existing || fields.repository) && (!fields.many || sweep.ready);

  const send = async (event, anyway = false) => {
    event.preventDefault();
    if (work || !ready) return;
    if (!fields.many && !params.fits() && !anyway) {
      requestAnimationFrame(() => document.getElementById('errors')?.focus());
      return;
    }
    stop.current = new AbortController();
    const {signal} = stop.current;
    const job = {files: fields.existing && fields.many ? [] : fields.files, repository: repositoryOf(fields), metadata: metadataOf(fields), callback: fields.callback.trim()};
    setProblem(null);
    setRefusal('');
    setWork({step: 'sending', done: 0, all: 0});
    draft.set({...noDraft, busy: true, dirty: true});
    try {
      const made = fields.many
        ? await submission.current.many({...job, rows: sweep.rows}, {onWork: setWork, signal})
        : await submission.current.one({...job, params: fields.params.trim()}, {onWork: setWork, signal});
      const place = session.get().role === 'stakeholder' ? formatRoute(['repositories'])
        : fields.many ? formatRoute(['repositories', made.repository_id, 'compare'], {first: made.job_ids[0], last: made.job_ids.at(-1)}) : formatRoute(['jobs', made.job_id]);
      if (gone.current) return;
      const hidden = parseRoute(location.hash).parts[0] !== 'submit';
      draft.set({...noDraft, told: hidden ? 'made' : '', place});
      // Who looks at something else is told by a line there.
      if (hidden) setWork(null);
      else if (made.notes?.length) setTold({notes: made.notes, place});
      else location.hash = place;
    } catch (caught) {
      const error = await api.refusal(caught, signal);
      if (gone.current) return;
      draft.set({...noDraft, dirty: true, told: isAbort(error) || parseRoute(location.hash).parts[0] === 'submit' ? '' : 'failed'});
      if (error.violations?.length) setViolations(error.violations);
      if (error.error === 'Invalid callback_url') setRefusal(error.detail);
      else if (!isAbort(error)) setProblem(error instanceof RangeError ? {title: t('submit.too_large')} : error.kind === 'away' && !error.status ? {title: t('submit.lost')} : describeError(t, error));
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
    ${fields.existing && html`<${ChooseRepository} value=${fields.repository} gone=${params.gone} onChange=${(repository) => set({repository})} />`}
    ${!(fields.existing && fields.many) && html`<${DropZone} files=${fields.files} set=${set} hint=${t(fields.existing ? 'submit.overlay_hint' : 'submit.files_hint')} />`}
    ${features.batch && html`<fieldset class="choice"><legend>${t('sweep.how_many')}</legend><div class="segments">
      <button type="button" aria-pressed=${String(!fields.many)} onClick=${() => set({many: false})}>${t('sweep.one')}</button>
      <button type="button" aria-pressed=${String(fields.many)} onClick=${() => set({many: true})}>${t('sweep.many')}</button></div>
      ${fields.many && html`<p class="hint">${t('sweep.hint')}</p>`}</fieldset>`}
    <${Params} fields=${fields} params=${params} />
    ${fields.many && html`<${Sweep} fields=${fields} set=${set} sweep=${sweep} schema=${params.schema} />`}
    ${features.callback && html`<${MoreSettings} fields=${fields} refusal=${refusal} set=${(part) => (setRefusal(''), set(part))} />`}
    ${params.tried && html`<${ErrorSummary} errors=${errors} anyway=${fields.many || work ? null : (event) => send(event, true)} />`}
    ${problem && html`<p class="field-error" role="alert">${problem.title} ${problem.hint}</p>`}
    ${work && html`<${Progress} work=${work} />`}
    <div class="form-actions"><button class="button primary" disabled=${Boolean(work) || !ready}>${!fields.many ? t('submit.start') : sweep.ready ? t('sweep.start', {count: sweep.shownCount}) : t('sweep.start_none')}</button>
      ${work && html`<button type="button" class="button" onClick=${() => stop.current.abort()}>${t('submit.stop')}</button>`}
      ${dirty && !work && html`<button type="button" class="button quiet" onClick=${clear}>${t('submit.clear')}</button>`}</div>
  </form>`;
}
