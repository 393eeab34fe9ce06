// The table of jobs: newest first, loaded in pages while it is scrolled, kept up to date by the events.
import {html, useCallback, useEffect, useMemo, useRef, useState} from '../dom.js';
import {isAbort} from '../api/errors.js';
import {countOf, empty, mayBelong, missingPage, onlyThose, reaches, rowsBetween, visibleRows, withAgain, withChange, withNewest, without, withoutFar, withPage} from '../state/job_list.js';
import {formatRoute} from '../state/route.js';
import {parseTime} from '../text/format.js';
import {useApp, useNow, useStore} from './context.js';
import {isOpen} from './job.js';
import {Badge, Failure, Notice, Time, Waiting} from './parts.js';

const STATES = ['queued', 'started', 'finished', 'failed'];
const FIRST_PAGE = 100;
const PAGE = 500;
const MOST_BEHIND = 10;  // pages that are read to reach the known rows; then the list begins anew

export function JobsView({query}) {
  const {t, session, features} = useApp();
  const {identity, role} = useStore(session);
  const filter = {status: STATES.includes(query.status) ? query.status : '', name: query.name ?? '', mine: query.mine === '1' ? '1' : ''};
  const change = (part) => {
    location.replace(formatRoute(['jobs'], {...filter, ...part}));
  };
  if (role === 'stakeholder') return html`<${Stakeholder} />`;
  return html`<div class="page">
    <div class="page-head"><h1 tabindex="-1">${t('jobs.title')}</h1>${features.events && html`<${LiveMark} />`}<span class="grow"></span>
      <a class="button primary" href="#/submit">${t('nav.submit')}</a></div>
    <${Filters} filter=${filter} change=${change} />
    <${JobTable} key=${JSON.stringify(filter)} filter=${filter} username=${identity.username} clear=${() => change({status: '', name: '', mine: ''})} />
  </div>`;
}

function Stakeholder() {
  const {t} = useApp();
  return html`<div class="page"><h1 tabindex="-1">${t('jobs.title')}</h1>
    <${Notice} title=${t('jobs.stakeholder')} hint=${t('jobs.stakeholder_hint')}><a class="button primary" href="#/submit">${t('nav.submit')}</a><//></div>`;
}

function LiveMark() {
  const {t, live} = useApp();
  const open = useStore(live.open);
  const busy = useStore(live.busy);
  return html`<span class=${`live ${open ? 'on' : ''}`} title=${t(busy ? 'jobs.live_busy_hint' : 'jobs.live_hint')} role="status">${open ? t('jobs.live') : busy ? t('jobs.live_busy') : t('jobs.connecting')}</span>`;
}

function Filters({filter, change}) {
  const {t} = useApp();
  const [name, setName] = useState(filter.name);
  useEffect(() => setName(filter.name), [filter.name]);
  useEffect(() => {
    if (name === filter.name) return undefined;
    const timer = setTimeout(() => change({name}), 300);
    return () => clearTimeout(timer);
  }, [name, filter.status, filter.mine]);  // a filter that is chosen meanwhile stays
  return html`<div class="filters">
    <div class="segments" role="group" aria-label=${t('jobs.filter')}>
      ${['', ...STATES].map((state) => html`<button type="button" key=${state} aria-pressed=${String(filter.status === state)} onClick=${() => change({status: state})}>${state ? t(`state.${state}`) : t('jobs.all')}</button>`)}
    </div>
    <label class="check"><input type="checkbox" checked=${filter.mine === '1'} onChange=${(event) => change({mine: event.target.checked ? '1' : ''})} /><span>${t('jobs.mine')}</span></label>
    <input class="search" type="search" value=${name} placeholder=${t('jobs.search')} aria-label=${t('jobs.search')} onInput=${(event) => setName(event.target.value)} />
  </div>`;
}

// Loads the rows. more(): the next page. restore(page): the rows of one that was let go. keep(first, end): those rows are in sight. The
// list is drawn from `list`.
function useJobs(filter, username) {
  const {api, live} = useApp();
  const [state, setState] = useState({list: empty, loading: true, error: null, turn: 0});
  const ask = {status: filter.status, name: filter.name, created_by: filter.mine ? username : ''};
  const stop = useRef(null);
  const busy = useRef(false);
  const again = useRef(false);
  const list = useRef(empty);
  // The effect that asks for more rows looks again after each request: what it wanted meanwhile was not done.
  const idle = () => {
    busy.current = false;
    setState((before) => ({...before, turn: before.turn + 1}));
  };
  const put = (next, rest = {}) => {
    list.current = next;
    setState((before) => ({...before, ...rest, list: next}));
  };

  const behind = (ref) => {
    const reference = new URL(ref);
    reference.searchParams.set('page_size', PAGE);
    return api.nextPage(reference.href, {signal: stop.current.signal});
  };

  const newest = useCallback(async () => {
    if (busy.current) {
      again.current = true;
      return;
    }
    busy.current = true;
    try {
      do {
        again.current = false;
        const parts = [{ref: null, ...await api.jobs({...ask, page_size: FIRST_PAGE}, {signal: stop.current.signal})}];
        // Many may have come since the last look.
        while (parts.at(-1).next && parts.length <= MOST_BEHIND && !reaches(list.current, parts)) parts.push({ref: parts.at(-1).next, ...await behind(parts.at(-1).next)});
        put(withNewest(list.current, parts), {loading: false, error: null});
      } while (again.current);
    } catch (error) {
      if (!isAbort(error)) setState((before) => ({...before, loading: false, error}));
    }
    idle();
  }, []);

  const more = useCallback(async () => {
    if (busy.current || !list.current.next) return;
    busy.current = true;
    setState((before) => ({...before, loading: true}));
    try {
      const page = await behind(list.current.next);
      put(withPage(list.current, page.items, page.next), {loading: false, error: null});
    } catch (error) {
      if (!isAbort(error)) setState((before) => ({...before, loading: false, error}));
    }
    idle();
    if (again.current) newest();
  }, []);

  const restore = useCallback(async ({ref, oldest}) => {
    if (busy.current) return;
    busy.current = true;
    setState((before) => ({...before, loading: true}));
    try {
      // The server may give the range in several pages.
      let found = await behind(ref);
      const items = [...found.items];
      while (found.next && !(items.at(-1)?.job_id <= oldest)) {
        found = await behind(found.next);
        items.push(...found.items);
      }
      put(withAgain(list.current, ref, items), {loading: false, error: null});
    } catch (error) {
      if (!isAbort(error)) setState((before) => ({...before, loading: false, error}));
    }
    idle();
    if (again.current) newest();
  }, []);

  const keep = useCallback((first, end) => {
    const kept = withoutFar(list.current, first, end);
    if (kept !== list.current) put(kept);
  }, []);

  useEffect(() => {
    stop.current = new AbortController();
    newest();
    // Many changes at once are drawn together, and cause one request at most each second.
    let changes = [];
    let drawing = 0;
    let looking = 0;
    // A job that was looked for and is not in the list does not pass the filter by name or user. An event does not tell these.
    const wanted = new Set();
    const outside = new Set();
    const looksFor = (job) => {
      if (ask.status && job.job_status !== ask.status) return;
      if (outside.has(job.job_id) || !mayBelong(list.current, job.job_id)) return;
      wanted.add(job.job_id);
      looking ||= setTimeout(look, 1000);
    };
    const look = async () => {
      const ids = [...wanted];
      wanted.clear();
      await newest();
      looking = wanted.size ? setTimeout(look, 1000) : 0;
      if (!ask.name && !ask.created_by) return;
      if (outside.size > 10_000) outside.clear();
      for (const id of ids) if (mayBelong(list.current, id)) outside.add(id);
    };
    const draw = () => {
      drawing = 0;
      let next = list.current;
      for (const news of changes) next = news.type === 'job' ? withChange(next, news.job) : without(next, news.id);
      // With a filter by state a changed row may not belong here any more.
      if (ask.status) next = onlyThose(next, (job) => job.job_status === ask.status);
      changes = [];
      if (next !== list.current) put(next);
    };
    const end = live.listen((news) => {
      if (news.type === 'look') {
        newest();
        return;
      }
      changes.push(news);
      drawing ||= requestAnimationFrame(draw);
      if (news.type === 'job') looksFor(news.job);
    });
    return () => {
      end();
      clearTimeout(looking);
      cancelAnimationFrame(drawing);
      stop.current.abort();
    };
  }, []);

  return {...state, more, newest, restore, keep};
}

function JobTable({filter, username, clear}) {
  const {t, format} = useApp();
  const {list, loading, error, turn, more, newest, restore, keep} = useJobs(filter, username);
  const total = countOf(list);
  const box = useRef(null);
  const [view, setView] = useState({top: 0, height: 900, row: 48});

  // The page itself scrolls; only the rows in sight are in the document.
  useEffect(() => {
    const measure = () => {
      if (!box.current) return;
      const row = parseFloat(getComputedStyle(box.current).getPropertyValue('--row')) || 48;
      setView({top: Math.max(0, -box.current.getBoundingClientRect().top), height: innerHeight, row});
    };
    measure();
    addEventListener('scroll', measure, {passive: true});
    addEventListener('resize', measure);
    return () => {
      removeEventListener('scroll', measure);
      removeEventListener('resize', measure);
    };
  }, [total > 0]);

  const {first, end} = visibleRows(total, view.row, view.top, view.height);
  const rows = rowsBetween(list, first, end);
  const now = useNow(rows.some((job) => job && isOpen(job)));
  const missing = missingPage(list, first, end);
  const near = end >= total - 50;
  useEffect(() => {
    keep(first, end);
    if (loading || error) return;
    if (missing) restore(missing);
    else if (near && !list.complete) more();
  }, [first, end, list, loading, error, turn]);

  // Once it was known that there is none, that stays on the page while the list is read again.
  const wasRead = useRef(false);
  if (list.complete) wasRead.current = true;
  const filtered = filter.status || filter.name || filter.mine;
  if (total === 0) {
    if (error) return html`<${Failure} error=${error} retry=${newest} />`;
    if (!wasRead.current) return html`<${Waiting} />`;
    return filtered
      ? html`<${Notice} title=${t('jobs.none_match')} hint=${t('jobs.none_match_hint')}><button type="button" class="button" onClick=${clear}>${t('jobs.clear')}</button><//>`
      : html`<${Notice} title=${t('jobs.empty')} hint=${t('jobs.empty_hint')}><a class="button primary" href="#/submit">${t('nav.submit')}</a><//>`;
  }
  const count = format.number(total);
  return html`
    <div class="table" role="table" aria-label=${t('jobs.title')} aria-rowcount=${list.complete ? total + 1 : -1}>
      <div role="rowgroup"><div class="table-row table-head" role="row" aria-rowindex="1">
        ${['state', 'name', 'who', 'created', 'started', 'duration'].map((name) => html`<span role="columnheader" class=${`cell-${name}`} key=${name}>${t(`jobs.${name}`)}</span>`)}
      </div></div>
      <div role="rowgroup" class="rows" ref=${box} style=${{height: `${total * view.row}px`}}>
        ${rows.map((job, index) => (job ? html`<${JobRow} key=${job.job_id} job=${job} now=${now} index=${first + index} top=${(first + index) * view.row} />` : html`<${Gap} key=${first + index} index=${first + index} top=${(first + index) * view.row} />`))}
      </div>
    </div>
    <p class="hint table-foot" role="status">${error ? html`<button type="button" class="button small" onClick=${list.complete ? newest : more}>${t('common.retry')}</button>`
      : list.complete ? t('jobs.count', {count}) : t('jobs.count_more', {count})}</p>`;
}

// A row whose job is being loaded again.
function Gap({index, top}) {
  const {t} = useApp();
  return html`<div class="table-row gap" role="row" aria-rowindex=${index + 2} style=${{transform: `translateY(${top}px)`}}><span role="cell"><span class="unseen">${t('common.loading')}</span></span></div>`;
}

function JobRow({job, now, index, top}) {
  const {t, format} = useApp();
  const created = parseTime(job.created_on);
  const shown = job.job_status === 'failed' || job.job_status === 'queued' ? job.reason : '';
  return html`<div class="table-row" role="row" aria-rowindex=${index + 2} style=${{transform: `translateY(${top}px)`}}>
    <span role="cell" class="cell-state"><${Badge} state=${job.job_status} /></span>
    <span role="cell" class="cell-name"><a class="name" dir="auto" href=${formatRoute(['jobs', job.job_id])}>${job.name || t('jobs.unnamed')}</a>${shown && html`<span class="reason">${shown}</span>`}</span>
    <span role="cell" class="cell-who" dir="auto">${job.created_by}</span>
    <span role="cell" class="cell-created"><${Time} at=${created} now=${now} /></span>
    <span role="cell" class="cell-started"><${Time} at=${parseTime(job.started_on)} now=${now} /></span>
    <span role="cell" class="cell-duration">${durationOf(job, now, format)}</span>
  </div>`;
}

// How long it ran; of a running job until now.
export function durationOf(job, now, format) {
  const started = parseTime(job.started_on);
  if (started === null) return '–';
  const ended = parseTime(job.finished_on);
  return format.duration((ended ?? now) - started);
}
