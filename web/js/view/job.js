// One job: what happened, why, and what came out of it.
import {html, useEffect, useLayoutEffect, useRef, useState} from '../dom.js';
import {createOnce} from '../api/once.js';
import {createWatchdog} from '../api/watchdog.js';
import {may} from '../api/features.js';
import {laidOver} from '../state/job_list.js';
import {resultOf} from '../state/result.js';
import {formatRoute} from '../state/route.js';
import {parseTime} from '../text/format.js';
import {explainReason} from '../text/translate.js';
import {whoMends} from '../text/who.js';
import {Attempts} from './attempts.js';
import {useApp, useLoad, useNow, useStore, useTitle, useVisible} from './context.js';
import {Files} from './files.js';
import {Logs} from './logs.js';
import {Badge, Confirm, Copy, Loaded, Named, Notice, Tabs, Time} from './parts.js';
import {JsonView} from './tree.js';

const TABS = ['result', 'outputs', 'params', 'logs'];
const HELD = 50;  // seconds for which the server holds an answer back; proxies often give up after 60
const TICKS = 6;  // of a watchdog; an answer that takes longer does not come

export const isOpen = (job) => job.job_status === 'queued' || job.job_status === 'started';

// The job when it has changed, or after HELD; null if the connection is dead.
async function held(api, id, signal) {
  const watchdog = createWatchdog(signal, {ticks: TICKS});
  try {
    return await api.job(id, {wait: HELD, signal: watchdog.signal});
  } catch (error) {
    if (!watchdog.late()) throw error;
    return null;
  } finally {
    watchdog.end();
  }
}

// The job, kept up to date: by the stream of events, and while that is not open by requests that wait for a change. A hidden
// page asks for nothing. gone: it was here and is deleted; then `last` is what was known of it. A server answers the same for a job
// that never was.
function useJob(id) {
  const {api, live, session} = useApp();
  const {signIns} = useStore(session);
  const state = useLoad((signal) => api.job(id, {signal}), [id]);
  const [gone, setGone] = useState(false);
  const {data, error} = state;
  const last = useRef(null);
  last.current = data ?? last.current;
  const missed = (problem) => problem?.kind === 'missing' && last.current !== null && setGone(true);
  useEffect(() => {
    missed(error);
  }, [error]);
  const visible = useVisible();
  const streams = useStore(live.open);
  useEffect(() => live.listen((news) => {
    // The stream is open again: anything may have changed meanwhile.
    if (news.type === 'look' && live.open.get()) api.job(id).then((job) => state.set(() => job), missed);
    if (news.type === 'deleted' && news.id === id) setGone(true);
    if (news.type === 'job' && news.job.job_id === id) state.set((job) => job && laidOver(job, news.job));
  }), [id]);
  const waits = data && isOpen(data) && !gone && visible && !streams;
  useEffect(() => {
    if (!waits) return undefined;
    const stop = new AbortController();
    (async () => {
      try {
        while (!stop.signal.aborted) {
          const job = await held(api, id, stop.signal);
          if (job) state.set(() => job);
          if (job && !isOpen(job)) return;
          // A server with too many waits answers at once.
          await new Promise((resolve) => setTimeout(resolve, 1000));
        }
      } catch (problem) {
        missed(problem);
      }
    })();
    return () => stop.abort();
  }, [id, waits, signIns]);
  return {...state, gone, last: last.current};
}

export function JobView({id, tab}) {
  const {t} = useApp();
  const state = useJob(id);
  const job = state.last;
  useTitle(job?.name || (job ? t('jobs.unnamed') : t('job.id')));
  // The heading is the same element from the first moment on, because it has the focus.
  return html`<div class="page"><p class="back"><a href="#/jobs">← ${t('job.back')}</a></p>
    <div class="page-head"><h1 tabindex="-1" dir="auto">${job ? job.name || t('jobs.unnamed') : t('job.id')}</h1>${job && !state.gone && html`<${Badge} state=${job.job_status} /><span class="grow"></span><${Actions} job=${job} />`}</div>
    ${state.gone ? html`<${Notice} title=${t('job.deleted')} hint=${t('job.deleted_hint')}>${job?.repository_id && html`<a class="button primary" href=${formatRoute(['submit'], {repository: job.repository_id})}>${t('repository.use')}</a>`}<a class="button" href="#/jobs">${t('job.back')}</a><//>`
      : state.error?.kind === 'missing' ? html`<${Notice} title=${t('job.missing')} hint=${t('job.missing_hint')}><a class="button" href="#/jobs">${t('job.back')}</a><//>`
      : html`<${Loaded} state=${state}>${(loaded) => html`<${JobBody} job=${loaded} tab=${tab} />`}<//>`}</div>`;
}

function JobBody({job, tab}) {
  const {t} = useApp();
  const open = isOpen(job);
  const now = useNow(open);
  // Without one in the address, the tab is the one that fits when the job is opened. It stays when the job ends: somebody may be reading.
  const [first] = useState(job.job_status === 'finished' ? 'result' : 'logs');
  const current = TABS.includes(tab) ? tab : first;
  const name = job.name || t('jobs.unnamed');
  const place = (part) => location.replace(formatRoute(['jobs', job.job_id, part]));
  return html`
    <p class="unseen" role="status" aria-live="polite">${t('job.new_state', {name, state: t(`state.${job.job_status}`)})}</p>
    <dl class="facts">
      <div><dt>${t('job.id')}</dt><dd><span class="code">${job.job_id}</span> <${Copy} value=${job.job_id} /></dd></div>
      ${job.repository_id && html`<div><dt>${t('job.repository')}</dt><dd><a class="code" href=${formatRoute(['repositories', job.repository_id])}>${job.repository_id}</a></dd></div>`}
      <div><dt>${t('jobs.who')}</dt><dd dir="auto">${job.created_by}</dd></div>
      ${job.expires_on && html`<div><dt>${t('job.expires')}</dt><dd><${Time} at=${parseTime(job.expires_on)} now=${now} /></dd></div>`}
    </dl>
    <${Timeline} job=${job} now=${now} />
    <${Why} job=${job} />
    <${Attempts} job=${job} now=${now} />
    <${Tabs} label=${name} current=${current} onChange=${place} tabs=${TABS.map((part) => ({id: part, label: t(`job.${part}`)}))} />
    <section class="panel" id="panel" role="tabpanel" aria-labelledby=${`tab-${current}`}>
      <${Part} key=${current} name=${current} job=${job} />
    </section>`;
}

function Timeline({job, now}) {
  const {t, format} = useApp();
  const created = parseTime(job.created_on);
  const started = parseTime(job.started_on);
  const ended = parseTime(job.finished_on);
  const open = isOpen(job);
  const waited = (started ?? ended ?? now) - created;
  const steps = [
    {name: 'created', at: created, done: true, note: started !== null || open ? t('job.waited', {time: format.duration(waited)}) : ''},
    {name: 'started', at: started, done: started !== null, note: [job.attempts > 1 && t('job.attempt', {count: job.attempts}), started !== null && t('job.ran', {time: format.duration((ended ?? now) - started)})].filter(Boolean).join(', ')},
    {name: 'ended', at: ended, done: ended !== null, note: ended === null ? '' : t(`state.${job.job_status}`)},
  ];
  return html`<ol class=${`timeline timeline-${job.job_status}`}>${steps.map(({name, at, done, note}) => html`<li key=${name} class=${done ? 'done' : ''}>
    <span class="timeline-name">${t(`job.${name}`)}</span><span class="timeline-time"><${Time} at=${at} now=${now} /></span><span class="hint">${note}</span></li>`)}</ol>`;
}

// Cause and remedy in words, and who can mend it; below it the server's own sentence.
function Why({job}) {
  const {t, language} = useApp();
  if (job.job_status === 'finished' || !job.reason) return null;
  const words = explainReason(language, job.reason);
  const who = whoMends(job.reason);
  const title = {queued: 'job.why_waits', failed: 'job.why_failed'}[job.job_status] ?? 'job.what_runs';
  return html`<section class=${`why why-${job.job_status}`} aria-labelledby="why">
    <h2 id="why">${t(title)} <span class="code tag">${job.reason}</span></h2>
    <dl>${words && html`<div><dt>${t('job.cause')}</dt><dd>${words.cause}</dd></div>`}
      ${words?.remedy && html`<div><dt>${t('job.remedy')}</dt><dd>${words.remedy}${who && html`<span class="who">${t(`job.who_${who}`)}</span>`}</dd></div>`}</dl>
    ${job.message && job.message !== words?.cause && html`<p class="code message" dir="auto" lang="en">${job.message}</p>`}
  </section>`;
}

function Part({name, job}) {
  const {t, api} = useApp();
  const open = isOpen(job);
  const ended = job.job_status === 'finished';
  const state = useLoad(async (signal) => {
    if (name === 'params') return api.jobParams(job.job_id, {signal});
    if (name === 'result' && ended) return api.result(job.job_id, {signal});
    if (name === 'outputs' && ended) return api.outputs(job.job_id, {signal});
    return null;
  }, [name, job.job_id, ended]);
  if (name === 'logs') return html`<${Logs} job=${job} open=${open} />`;
  if (name !== 'params' && !ended) return html`<${Notice} title=${t(open ? 'job.not_yet' : 'job.failed_none')} />`;
  return html`<${Loaded} state=${state}>${(data) => {
    if (name === 'outputs') {
      if (data === null || data.length === 0) return html`<${Notice} title=${t('job.no_files')} />`;
      return html`<${Files} files=${data} pathOf=${(file) => api.outputFile(job.job_id, file)} archive=${api.output(job.job_id)} archiveName=${`${job.job_id}-output.zip`} />`;
    }
    const text = name === 'result' ? resultOf(data) : data;
    if (text === null || text.trim() === '{}' && name === 'params') return html`<${Notice} title=${t(name === 'result' ? 'job.no_result' : 'job.no_params')} />`;
    return html`<${JsonView} text=${text} label=${t(`job.${name}`)} />`;
  }}<//>`;
}

function Actions({job}) {
  const {t, api, session, features} = useApp();
  const {role} = useStore(session);
  const [question, setQuestion] = useState(null);
  const trigger = useRef(null);
  const once = useRef(null);
  once.current ??= createOnce();
  const ask = (name) => (event) => {
    trigger.current = event.currentTarget;
    setQuestion(name);
  };
  const close = () => {
    setQuestion(null);
    trigger.current?.focus();
  };
  const name = job.name || t('jobs.unnamed');
  const open = isOpen(job);
  // A button that goes with the state takes its focus along: then the heading gets it.
  const box = useRef(null);
  const had = box.current?.contains(document.activeElement);
  useLayoutEffect(() => {
    if (had && !box.current.contains(document.activeElement)) document.querySelector('main h1')?.focus();
  }, [open]);
  const what = html`<${Named} name=${name} id=${job.job_id} />`;
  const questions = {
    delete: {title: t('job.delete_title'), lines: [what, open && t('job.delete_runs'), t('job.delete_text')], action: t('job.delete'), danger: true,
      act: async () => {
        await api.deleteJob(job.job_id);
        location.hash = '#/jobs';
      }},
    cancel: {title: t('job.cancel_title'), lines: [what, t('job.cancel_text')], action: t('job.cancel'), danger: true,
      act: async () => {
        await api.cancelJob(job.job_id);
        close();
      }},
    retry: {title: t('job.retry_title'), lines: [what, t('job.retry_text')], action: t('job.retry'),
      act: async () => {
        const made = await api.retryJob(job.job_id, once.current.keyOf(job.job_id));
        once.current.done();
        close();
        location.hash = formatRoute(['jobs', made.job_id]);
      }},
  };
  return html`<div class="actions" ref=${box}>
    ${features.retry && !open && may(features, role, 'retry') && html`<button type="button" class="button" onClick=${ask('retry')}>${t('job.retry')}</button>`}
    ${job.repository_id && html`<a class="button" href=${formatRoute(['submit'], {repository: job.repository_id, job: job.job_id})}>${t('job.again')}</a>`}
    ${features.cancel && open && may(features, role, 'cancel') && html`<button type="button" class="button" onClick=${ask('cancel')}>${t('job.cancel')}</button>`}
    ${may(features, role, 'deleteJob') && html`<button type="button" class="button danger-quiet" onClick=${ask('delete')}>${t('job.delete')}</button>`}
    ${question && html`<${Confirm} ...${questions[question]} onClose=${close} />`}
  </div>`;
}
