// Params and results of many jobs in one table: what a person does after trying twenty values. Either those of a sweep, by the ids of its
// first and its last job, or the newest finished ones of a repository.
import {html, useEffect, useMemo, useState} from '../dom.js';
import {isAbort} from '../api/errors.js';
import {parseJson} from '../preview/json.js';
import {asNumber, asText, comparedColumns, flatten, ownValue, toCsv} from '../preview/plot.js';
import {minuteOf} from '../overview/stats.js';
import {laidOver} from '../state/job_list.js';
import {formatRoute} from '../state/route.js';
import {resultOf} from '../state/result.js';
import {useApp, useStore, useTitle} from './context.js';
import {saveFile} from './files.js';
import {Badge, Failure, Notice, Waiting} from './parts.js';
import {Plot} from './plot.js';
import {Sheet} from './sheet.js';

const MOST_JOBS = 200;
const MOST_OF_SWEEP = 1000;
const AT_ONCE = 6;
const DRAW = 300;  // milliseconds; what is loaded meanwhile is drawn at once
const MINUTE = 60_000;

// The time within an id (UUID version 7), in milliseconds, or NaN.
const timeOf = (id) => parseInt(id.replaceAll('-', '').slice(0, 12), 16);

async function listJobs(api, repository, {first, last}, signal) {
  const options = {signal, headers: {repository_id: repository}};
  const sweep = first && last && Number.isFinite(timeOf(first)) && Number.isFinite(timeOf(last));
  const most = sweep ? MOST_OF_SWEEP : MOST_JOBS;
  const query = sweep ? {from_date: minuteOf(timeOf(first) - MINUTE), to_date: minuteOf(timeOf(last) + MINUTE), page_size: most} : {status: 'finished', page_size: most};
  let page = await api.jobs(query, options);
  const found = [];
  for (;;) {
    found.push(...page.items.filter(({job_id: id}) => !sweep || (id >= first && id <= last)));
    if (page.next === null || found.length >= most) return found.slice(0, most);
    page = await api.nextPage(page.next, options);
  }
}

// {rows, loading, error}. rows: [{job, params, result}], oldest first in a sweep; params and result are absent until they are loaded.
function useComparison(repository, first, last) {
  const {api, live, session} = useApp();
  const {signIns} = useStore(session);
  const [state, setState] = useState({rows: [], loading: true, error: null});
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    const {signal} = stop;
    const rows = new Map();
    const queue = new Set();
    let workers = 0;
    let drawing = 0;
    const draw = (rest) => {
      if (rest) setState((before) => ({...before, ...rest}));
      drawing ||= setTimeout(() => {
        drawing = 0;
        setState((before) => ({...before, rows: [...rows.values()]}));
      }, rest ? 0 : DRAW);
    };
    const lacks = ({job, params, result}) => params === undefined || (job.job_status === 'finished' && result === undefined);
    const load = async (id) => {
      const row = rows.get(id);
      if (!row || !lacks(row)) return;
      try {
        const params = row.params ?? flatten(parseJson(await api.jobParams(id, {signal})));
        const result = row.job.job_status === 'finished' ? flatten(parseJson(resultOf(await api.result(id, {signal})) ?? 'null')) : undefined;
        rows.set(id, {...rows.get(id), params, result});
      } catch (error) {
        if (error.kind !== 'missing') throw error;
        rows.delete(id);  // deleted meanwhile
      }
      draw();
    };
    const work = async () => {
      ++workers;
      try {
        for (const id of queue) {
          queue.delete(id);
          await load(id);
        }
      } catch (error) {
        if (!isAbort(error)) draw({error});
      }
      --workers;
    };
    const want = (id) => {
      queue.add(id);
      if (workers < AT_ONCE) work();
    };
    const look = async () => {
      try {
        const jobs = await listJobs(api, repository, {first, last}, signal);
        const known = new Map(rows);
        rows.clear();
        for (const job of first ? jobs.reverse() : jobs) {
          rows.set(job.job_id, {...known.get(job.job_id), job});
          if (lacks(rows.get(job.job_id))) want(job.job_id);
        }
        draw({loading: false, error: null});
      } catch (error) {
        if (!isAbort(error)) setState((before) => ({...before, loading: false, error}));
      }
    };
    setState({rows: [], loading: true, error: null});
    look();
    let looking = 0;
    const end = live.listen((news) => {
      if (news.type === 'look') looking ||= setTimeout(() => {
        looking = 0;
        look();
      }, 1000);
      else if (news.type === 'deleted' && rows.delete(news.id)) draw();
      else if (news.type === 'job' && rows.has(news.job.job_id)) {
        const row = rows.get(news.job.job_id);
        rows.set(news.job.job_id, {...row, job: laidOver(row.job, news.job)});
        if (lacks(rows.get(news.job.job_id))) want(news.job.job_id);
        draw();
      }
    });
    return () => {
      end();
      clearTimeout(drawing);
      clearTimeout(looking);
      stop.abort();
    };
  }, [repository, first, last, signIns, round]);
  return {...state, again: () => setRound(round + 1)};
}

export function CompareView({id, first, last}) {
  const {t} = useApp();
  const {rows, loading, error, again} = useComparison(id, first, last);
  useTitle(t(first ? 'compare.sweep' : 'compare.title'));
  return html`<div class="page"><p class="back"><a href=${formatRoute(['repositories', id])}>← ${t('job.repository')}</a></p>
    <div class="page-head"><h1 tabindex="-1">${t(first ? 'compare.sweep' : 'compare.title')}</h1></div>
    ${error && html`<${Failure} error=${error} retry=${again} />`}
    ${rows.length > 0 ? html`${first && html`<${Standing} rows=${rows} />`}<${Comparison} rows=${rows} sweep=${Boolean(first)} />`
      : loading ? html`<${Waiting} />` : !error && html`<${Notice} title=${t(first ? 'compare.gone' : 'compare.none')} hint=${t(first ? 'compare.gone_hint' : 'compare.none_hint')} />`}</div>`;
}

// How far a sweep is.
function Standing({rows}) {
  const {t, format} = useApp();
  const count = (...states) => rows.filter(({job}) => states.includes(job.job_status)).length;
  const ended = count('finished', 'failed');
  return html`<div class="standing" role="status"><span>${t('compare.ended', {ended: format.number(ended), count: format.number(rows.length)})}</span>
    ${ended < rows.length && html`<progress max=${rows.length} value=${ended} aria-label=${t('compare.sweep')}></progress>`}
    ${count('failed') > 0 && html`<span class="hint">${t('compare.failed', {count: format.number(count('failed'))})}</span>`}</div>`;
}

const titleOf = ({part, name}) => `${part}.${name}`;
const valueOf = (row, {part, name}) => ownValue(row[part], name);
const SHOWN = 60;  // columns; the CSV has all

function Comparison({rows, sweep}) {
  const {t, format} = useApp();
  const loaded = useMemo(() => rows.map(({job, params = {}, result = {}}) => ({job, params, result})), [rows]);
  const every = useMemo(() => comparedColumns(rows), [rows]);
  const columns = useMemo(() => every.slice(0, SHOWN), [every]);
  const [order, setOrder] = useState({title: null, down: false});
  const sorted = useMemo(() => {
    const column = columns.find((one) => titleOf(one) === order.title);
    if (!column) return loaded;
    const compare = (left, right) => {
      const apart = asNumber(left) - asNumber(right);
      return Number.isNaN(apart) ? asText(left ?? '').localeCompare(asText(right ?? '')) : apart;
    };
    return [...loaded].sort((left, right) => compare(valueOf(left, column), valueOf(right, column)) * (order.down ? -1 : 1));
  }, [loaded, columns, order]);
  const numbers = useMemo(() => columns.map((column) => loaded.some((row) => !Number.isNaN(asNumber(valueOf(row, column))))), [columns, loaded]);
  const firstOf = (wanted) => columns.findIndex(({part, differs}, index) => part === wanted && differs && numbers[index]);
  const x = firstOf('params');
  const y = firstOf('result');
  const points = (across, up) => loaded.map((row, index) => ({x: across === null ? index + 1 : asNumber(valueOf(row, columns[across])), y: asNumber(valueOf(row, columns[up]))}))
    .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y));
  const sort = (title) => setOrder((before) => ({title, down: before.title === title && !before.down}));
  // With a mark in front, without which spreadsheet programs do not read it as UTF-8.
  const save = () => saveFile(new Blob(['\ufeff', toCsv([['job_id', 'name', 'status', ...every.map(titleOf)], ...sorted.map((row) => [row.job.job_id, row.job.name, row.job.job_status, ...every.map((column) => valueOf(row, column))])], format.comma)], {type: 'text/csv'}), 'comparison.csv');
  const heads = [t('jobs.name'), ...(sweep ? [t('jobs.state')] : []), ...columns.map((column) => html`<button type="button" class="sort" onClick=${() => sort(titleOf(column))}>${column.name}<span class="hint"> ${t(`compare.${column.part}`)}</span></button>`)];
  const ahead = sweep ? 2 : 1;
  const cell = (row, column) => {
    const {job} = sorted[row];
    if (column === 0) return html`<a href=${formatRoute(['jobs', job.job_id])} dir="auto">${job.name || t('jobs.unnamed')}</a>`;
    if (column < ahead) return html`<${Badge} state=${job.job_status} />`;
    return asText(valueOf(sorted[row], columns[column - ahead]), format.comma);
  };
  const blank = Array.from({length: ahead}, () => undefined);
  return html`${x >= 0 || y >= 0 ? html`<${Plot} key=${columns.map(titleOf).join()} names=${columns.map(titleOf)} numbers=${numbers} points=${points} first=${{x: x < 0 ? null : x, y: y < 0 ? undefined : y}} />` : ''}
    <div class="bar-row"><span class="hint">${t('jobs.count', {count: format.number(rows.length)})}${every.length > SHOWN && ` · ${t('compare.columns', {shown: format.number(SHOWN), count: format.number(every.length)})}`}</span><span class="grow"></span><button type="button" class="button small" onClick=${save}>${t('compare.csv')}</button></div>
    <${Sheet} heads=${heads} numbers=${[...blank, ...numbers]} sorts=${[...blank, ...columns.map((column) => (titleOf(column) === order.title ? (order.down ? 'descending' : 'ascending') : undefined))]}
      count=${sorted.length} cell=${cell} keyOf=${(row) => sorted[row].job.job_id} label=${t('compare.title')} />`;
}
