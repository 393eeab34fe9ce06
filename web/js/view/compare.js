// The results of a repository's jobs in one table: what a person does after trying twenty values.
import {html, useMemo, useState} from '../dom.js';
import {comparedColumns, flatten, toCsv} from '../preview/plot.js';
import {formatRoute} from '../state/route.js';
import {resultOf} from '../state/result.js';
import {useApp, useLoad} from './context.js';
import {saveFile} from './files.js';
import {Loaded, Notice} from './parts.js';
import {Plot} from './plot.js';

const MOST_JOBS = 200;
const AT_ONCE = 6;

// [{job, params, result}] of the newest finished jobs.
async function loadRows(api, repository, signal) {
  const options = {signal, headers: {repository_id: repository}};
  const page = await api.filled(await api.jobs({status: 'finished', page_size: MOST_JOBS}, options), MOST_JOBS, options);
  const items = page.items.slice(0, MOST_JOBS);
  const rows = new Array(items.length);
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      const at = next++;
      const id = items[at].job_id;
      try {
        const [params, result] = await Promise.all([api.jobParams(id, {signal}), api.result(id, {signal})]);
        rows[at] = {job: items[at], params: flatten(JSON.parse(params)), result: flatten(JSON.parse(resultOf(result) ?? 'null'))};
      } catch (error) {
        if (error.kind !== 'missing') throw error;  // deleted meanwhile
      }
    }
  };
  await Promise.all(Array.from({length: AT_ONCE}, work));
  return rows.filter(Boolean);
}

export function CompareView({id}) {
  const {t, api} = useApp();
  const state = useLoad((signal) => loadRows(api, id, signal), [id]);
  return html`<div class="page"><p class="back"><a href=${formatRoute(['repositories', id])}>← ${t('job.repository')}</a></p>
    <div class="page-head"><h1 tabindex="-1">${t('compare.title')}</h1></div>
    <${Loaded} state=${state}>${(rows) => (rows.length === 0 ? html`<${Notice} title=${t('compare.none')} hint=${t('compare.none_hint')} />` : html`<${Comparison} rows=${rows} />`)}<//></div>`;
}

const titleOf = ({part, name}) => `${part}.${name}`;

function Comparison({rows}) {
  const {t, format} = useApp();
  const columns = useMemo(() => comparedColumns(rows).slice(0, 60), [rows]);
  const [order, setOrder] = useState({column: null, down: false});
  const sorted = useMemo(() => {
    if (order.column === null) return rows;
    const {part, name} = columns[order.column];
    const compare = (left, right) => (typeof left === 'number' && typeof right === 'number' ? left - right : String(left ?? '').localeCompare(String(right ?? '')));
    return [...rows].sort((left, right) => compare(left[part][name], right[part][name]) * (order.down ? -1 : 1));
  }, [rows, columns, order]);
  const numbers = columns.map(({part, name}) => rows.some((row) => typeof row[part][name] === 'number'));
  const firstOf = (wanted) => columns.findIndex(({part, differs}, index) => part === wanted && differs && numbers[index]);
  const first = {x: firstOf('params') < 0 ? null : firstOf('params'), y: firstOf('result') < 0 ? undefined : firstOf('result')};
  const points = (x, y) => rows.map((row, index) => ({x: x === null ? index + 1 : row[columns[x].part][columns[x].name], y: row[columns[y].part][columns[y].name]}))
    .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y));
  const sort = (column) => setOrder((before) => ({column, down: before.column === column && !before.down}));
  const save = () => saveFile(new Blob([toCsv([['job_id', 'name', ...columns.map(titleOf)], ...sorted.map(({job, ...row}) => [job.job_id, job.name, ...columns.map(({part, name}) => row[part][name])])])], {type: 'text/csv'}), 'comparison.csv');
  return html`<${Plot} names=${columns.map(titleOf)} numbers=${numbers} points=${points} first=${first} />
    <div class="bar-row"><span class="hint">${t('jobs.count', {count: format.number(rows.length)})}</span><span class="grow"></span><button type="button" class="button small" onClick=${save}>${t('compare.csv')}</button></div>
    <div class="sheet" tabindex="0" role="region" aria-label=${t('compare.title')}><table><thead><tr><th scope="col">${t('jobs.name')}</th>
      ${columns.map((column, index) => html`<th key=${titleOf(column)} scope="col" class=${numbers[index] ? 'number' : ''} aria-sort=${order.column === index ? (order.down ? 'descending' : 'ascending') : undefined}><button type="button" class="sort" onClick=${() => sort(index)}>${column.name}<span class="hint"> ${t(`compare.${column.part}`)}</span></button></th>`)}</tr></thead>
      <tbody>${sorted.map(({job, ...row}) => html`<tr key=${job.job_id}><td><a href=${formatRoute(['jobs', job.job_id])} dir="auto">${job.name || t('jobs.unnamed')}</a></td>${columns.map(({part, name}, index) => html`<td key=${index} class=${numbers[index] ? 'number' : ''} dir="auto">${shown(row[part][name])}</td>`)}</tr>`)}</tbody></table></div>`;
}

const shown = (value) => (value === undefined ? '' : String(value));
