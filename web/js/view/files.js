// A list of files with previews: the outputs of a job, the input of a repository.
import {html, useEffect, useMemo, useRef, useState} from '../dom.js';
import {isAbort} from '../api/errors.js';
import {delimiterOf, numberColumns, parseCsv} from '../preview/csv.js';
import {imageType, kindOfFile, PREVIEW_BYTES} from '../preview/kind.js';
import {pointsOf} from '../preview/plot.js';
import {visibleRows} from '../state/job_list.js';
import {useApp, useLoad} from './context.js';
import {Failure, Loaded} from './parts.js';
import {Plot} from './plot.js';
import {JsonView} from './tree.js';

const MOST_ROWS = 1000;
const ROW = 28;
const LISTED = 500;

export function Files({files, pathOf, archive, archiveName}) {
  const {t, format} = useApp();
  const [chosen, setChosen] = useState(() => files.find((file) => kindOfFile(file.name) !== 'none') ?? files[0]);
  const [shown, setShown] = useState(LISTED);
  return html`<div class="files">
    <div class="files-list">
      <ul>${files.slice(0, shown).map((file) => html`<li key=${file.name}><button type="button" aria-current=${file === chosen ? 'true' : undefined} onClick=${() => setChosen(file)}>
        <span class="file-name" dir="auto">${file.name}</span><span class="hint">${format.bytes(file.bytes)}</span></button></li>`)}</ul>
      ${files.length > shown && html`<button type="button" class="button small" onClick=${() => setShown(shown + LISTED)}>${t('tree.more', {count: format.number(files.length - shown)})}</button>`}
      <${Download} path=${archive} name=${archiveName} label=${t('job.download_all')} />
    </div>
    <div class="preview">${chosen && html`<${Preview} key=${chosen.name} file=${chosen} path=${pathOf(chosen.name)} />`}</div>
  </div>`;
}

// Loads with the identity headers, which a plain link can't send, and hands the bytes to the browser as a file.
export function Download({path, name, label, small}) {
  const {api, t, format} = useApp();
  const [state, setState] = useState(null);  // {done, all}
  const [error, setError] = useState(null);
  const stop = useRef(null);
  useEffect(() => () => stop.current?.abort(), []);
  const run = async () => {
    if (state) {
      stop.current.abort();
      return;
    }
    stop.current = new AbortController();
    setError(null);
    setState({done: 0, all: 0});
    try {
      const answer = await api.send('GET', path, {signal: stop.current.signal});
      const all = Number(answer.headers.get('content-length')) || 0;
      const parts = [];
      let done = 0;
      for (const reader = answer.body.getReader(); ;) {
        const part = await reader.read();
        if (part.done) break;
        parts.push(part.value);
        done += part.value.length;
        setState({done, all});
      }
      saveFile(new Blob(parts, {type: 'application/octet-stream'}), name);
    } catch (problem) {
      if (!isAbort(problem)) setError(problem.kind ? problem : {kind: 'away'});
    }
    setState(null);
  };
  return html`<button type="button" class=${`button ${small ? 'small' : ''}`} onClick=${run}>${state ? `${t('file.progress', {done: format.bytes(state.done), all: state.all ? format.bytes(state.all) : '…'})} · ${t('submit.stop')}` : label}</button>
    ${error && html`<${Failure} error=${error} retry=${run} />`}`;
}

export function saveFile(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name.split('/').pop();
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function Preview({file, path}) {
  const {t, format} = useApp();
  const kind = kindOfFile(file.name);
  return html`<div class="bar-row"><h2 class="file-title" dir="auto">${file.name}</h2><span class="grow"></span><span class="hint">${format.bytes(file.bytes)}</span><${Download} path=${path} name=${file.name} label=${t('file.download')} small=${true} /></div>
    ${kind === 'none' ? html`<p class="hint">${t('file.none')}</p>` : file.bytes === 0 ? html`<p class="hint">${t('file.empty')}</p>`
      : (kind === 'json' || kind === 'image') && file.bytes > PREVIEW_BYTES[kind] ? html`<p class="hint">${t('file.too_large')}</p>`
      : html`<${Content} file=${file} path=${path} kind=${kind} />`}`;
}

function Content({file, path, kind}) {
  const {api, t} = useApp();
  const cut = file.bytes > PREVIEW_BYTES[kind];
  const state = useLoad(async (signal) => {
    const answer = await api.read(path, {signal, headers: cut ? {range: `bytes=0-${PREVIEW_BYTES[kind] - 1}`} : {}});
    return kind === 'image' ? new Blob([await answer.arrayBuffer()], {type: imageType(file.name)}) : answer.text();
  }, [path]);
  return html`<${Loaded} state=${state}>${(data) => {
    if (kind === 'image') return html`<${Picture} blob=${data} name=${file.name} />`;
    if (kind === 'json') return html`<${JsonView} text=${data} label=${file.name} />`;
    if (kind === 'table') return html`<${Table} text=${data} cut=${cut} tabs=${/\.tsv$/i.test(file.name)} />`;
    return html`${cut && html`<p class="hint">${t('file.cut')}</p>`}<pre class="text" tabindex="0">${data}</pre>`;
  }}<//>`;
}

// An <img> runs no script, also not that of an SVG.
function Picture({blob, name}) {
  const {t} = useApp();
  const [url, setUrl] = useState(null);
  const [damaged, setDamaged] = useState(false);
  useEffect(() => {
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  if (damaged) return html`<p class="hint">${t('file.damaged')}</p>`;
  return url && html`<div class="picture"><img src=${url} alt=${name} onError=${() => setDamaged(true)} /></div>`;
}

function Table({text, cut, tabs}) {
  const {t, format} = useApp();
  const [plotted, setPlotted] = useState(false);
  const {rows, more, right, comma, columns} = useMemo(() => {
    const delimiter = tabs ? '\t' : delimiterOf(text);
    const table = {...parseCsv(text, MOST_ROWS + 1, delimiter), comma: delimiter === ';'};
    // The last line of a part of a file may be a part, too.
    if (cut && !table.more && table.rows.length > 1) table.rows.pop();
    return {...table, right: numberColumns(table.rows)};
  }, [text]);
  const [top, setTop] = useState(0);
  if (rows.length === 0) return html`<p class="hint">${t('file.empty')}</p>`;
  const body = rows.slice(1);
  const {first, end} = visibleRows(body.length, ROW, top, 560);
  const counts = {count: format.number(body.length), columns: format.number(columns)};
  const hasNumbers = right.some(Boolean);
  return html`<div class="bar-row"><span class="hint">${t(more || cut ? 'file.first_rows' : 'file.rows', counts)}${columns > right.length && ` · ${t('file.first_columns', {columns: format.number(right.length)})}`}</span><span class="grow"></span>
      ${hasNumbers && html`<button type="button" class="button small" aria-pressed=${String(plotted)} onClick=${() => setPlotted(!plotted)}>${t('plot.title')}</button>`}</div>
    ${plotted && html`<${Plot} names=${right.map((_, column) => rows[0][column] || `#${column + 1}`)} numbers=${right} points=${(x, y) => pointsOf(body, x, y, comma)} />`}
    <div class="sheet" tabindex="0" role="region" aria-label=${t('file.preview')} onScroll=${(event) => setTop(event.target.scrollTop)}>
      <table aria-rowcount=${body.length + 1}><thead><tr><th class="row-number" scope="col"><span class="unseen">#</span></th>${right.map((isNumber, column) => html`<th key=${column} scope="col" class=${isNumber ? 'number' : ''} dir="auto">${rows[0][column] ?? ''}</th>`)}</tr></thead>
        <tbody>${first > 0 && html`<tr key="before" aria-hidden="true" style=${{height: `${first * ROW}px`}}></tr>`}
          ${body.slice(first, end).map((row, index) => html`<tr key=${first + index} aria-rowindex=${first + index + 2}><td class="row-number">${first + index + 1}</td>${right.map((isNumber, column) => html`<td key=${column} class=${isNumber ? 'number' : ''} dir="auto" title=${row[column]}>${row[column] ?? ''}</td>`)}</tr>`)}
          ${end < body.length && html`<tr key="after" aria-hidden="true" style=${{height: `${(body.length - end) * ROW}px`}}></tr>`}</tbody></table>
    </div>`;
}
