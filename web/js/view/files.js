// A list of files with previews: the outputs of a job, the input of a repository.
import {html, useEffect, useMemo, useRef, useState} from '../dom.js';
import {bodyOf} from '../api/client.js';
import {isAbort} from '../api/errors.js';
import {delimiterOf, numberColumns, parseCsv} from '../preview/csv.js';
import {decodeText} from '../preview/decode.js';
import {imageType, kindOfFile, looksLikePdf, PREVIEW_BYTES, WHOLE} from '../preview/kind.js';
import {decimalMarks, numberOf, pointsOf} from '../preview/numbers.js';
import {useApp, useLoad} from './context.js';
import {FileList} from './file_list.js';
import {Choice, Failure, Loaded, Waiting} from './parts.js';
import {Plot} from './plot.js';
import {Sheet} from './sheet.js';
import {JsonView} from './tree.js';

const MOST_ROWS = 1000;

export function Files({files, pathOf, archive, archiveName}) {
  const {t} = useApp();
  const [chosen, setChosen] = useState(() => files.find((file) => kindOfFile(file.name) !== 'none') ?? files[0]);
  const preview = useRef(null);
  const choose = (file) => {
    setChosen(file);
    // On a narrow window the preview is below the list.
    requestAnimationFrame(() => preview.current?.scrollIntoView({block: 'nearest'}));
  };
  return html`<div class="files">
    <div class="files-list">
      <${FileList} files=${files} chosen=${chosen} onChoose=${choose} />
      <${Download} path=${archive} name=${archiveName} label=${t('job.download_all')} />
    </div>
    <div class="preview" ref=${preview}><p class="unseen" role="status">${t('file.shown', {name: chosen.name})}</p>${chosen && html`<${Preview} key=${chosen.name} file=${chosen} path=${pathOf(chosen.name)} />`}</div>
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
      : WHOLE.includes(kind) && file.bytes > PREVIEW_BYTES[kind] ? html`<p class="hint">${t('file.too_large')}</p>`
      : html`<${Content} file=${file} path=${path} kind=${kind} />`}`;
}

function Content({file, path, kind}) {
  const {api, t} = useApp();
  const cut = file.bytes > PREVIEW_BYTES[kind];
  const state = useLoad(async (signal) => {
    const options = {signal, headers: cut ? {range: `bytes=0-${PREVIEW_BYTES[kind] - 1}`} : {}};
    const bytes = new Uint8Array(await api.read(path, options, (answer) => bodyOf(answer, 'arrayBuffer')));
    if (kind === 'image') return new Blob([bytes], {type: imageType(file.name)});
    return kind === 'workbook' || kind === 'pdf' ? bytes : decodeText(bytes, cut);
  }, [path]);
  return html`<${Loaded} state=${state}>${(data) => {
    if (kind === 'image') return html`<${Picture} blob=${data} name=${file.name} />`;
    if (kind === 'workbook') return html`<${Workbook} bytes=${data} />`;
    if (kind === 'pdf') return html`<${Pdf} bytes=${data} name=${file.name} />`;
    const {text} = data;
    return html`<${EncodingNote} ...${data} />${kind === 'json' ? html`<${JsonView} text=${text} label=${file.name} />`
      : kind === 'table' ? html`<${Table} text=${text} cut=${cut} tabs=${/\.tsv$/i.test(file.name)} />`
      : html`${cut && html`<p class="hint">${t('file.cut')}</p>`}<pre class="text" tabindex="0">${text}</pre>`}`;
  }}<//>`;
}

// Says how a text was read if it is not plain UTF-8.
export function EncodingNote({encoding, damaged}) {
  const {t} = useApp();
  if (damaged) return html`<p class="hint">${t('file.letters_lost')}</p>`;
  return encoding !== 'UTF-8' && html`<p class="hint">${t('file.encoding', {encoding})}</p>`;
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

// The browser shows it in a tab of its own, in its viewer. It is never a page of this server: the type is fixed, and the policy of this
// page is that of the tab, too.
function Pdf({bytes, name}) {
  const {t} = useApp();
  const [url, setUrl] = useState(null);
  useEffect(() => {
    if (!looksLikePdf(bytes)) return undefined;
    const made = URL.createObjectURL(new Blob([bytes], {type: 'application/pdf'}));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [bytes]);
  if (!looksLikePdf(bytes)) return html`<p class="hint">${t('file.damaged')}</p>`;
  return url && html`<div class="notice"><p class="notice-title">${t('file.pdf')}</p><p class="notice-hint">${t('file.pdf_hint')}</p><div class="notice-actions"><a class="button primary" href=${url} target="_blank" rel="noopener" aria-label=${`${t('file.open_pdf')}: ${name}`}>${t('file.open_pdf')}</a></div></div>`;
}

// The reader of workbooks is loaded when the first one is shown.
function Workbook({bytes}) {
  const {t, format, language} = useApp();
  const [chosen, setChosen] = useState(0);
  const {comma} = format;
  const book = useLoad(async (signal) => {
    const {openWorkbook} = await import('../preview/later/xlsx.js');
    return openWorkbook(bytes, {signal, words: {comma, yes: t('file.true'), no: t('file.false')}}).catch(() => null);
  }, [bytes.length, language, comma]);
  const sheet = useLoad(async () => (book.data ? {...await book.data.read(chosen, MOST_ROWS + 1), decimal: comma ? ',' : '.', sure: true} : undefined), [chosen, Boolean(book.data), language, comma]);
  if (book.error) return html`<${Failure} error=${{kind: 'away'}} retry=${book.reload} />`;
  if (book.data === null) return html`<p class="hint">${t('file.damaged')}</p>`;
  if (!book.data || (sheet.data === undefined && !sheet.error)) return html`<${Waiting} slow=${sheet.slow} />`;
  const {sheets} = book.data;
  return html`${sheets.length > 1 && html`<div class="bar-row"><label class="check">${t('file.sheet')} <select class="short" value=${chosen} onChange=${(event) => setChosen(Number(event.target.value))}>${sheets.map(({name, hidden}, index) => html`<option key=${index} value=${index}>${name}${hidden ? ` (${t('file.hidden')})` : ''}</option>`)}</select></label><span class="hint">${t('file.sheets', {count: format.number(sheets.length)})}</span></div>`}
    ${sheet.error ? html`<p class="hint">${t('file.damaged')}</p>` : html`<${Rows} key=${chosen} table=${sheet.data} />`}`;
}

function Table({text, cut, tabs}) {
  const table = useMemo(() => {
    const delimiter = tabs ? '\t' : delimiterOf(text);
    const read = {...parseCsv(text, MOST_ROWS + 1, delimiter), decimal: delimiter === ';' ? ',' : '.'};
    // The last line of a part of a file may be a part, too.
    if (cut && !read.more && read.rows.length > 1) read.rows.pop();
    return {...read, more: read.more || cut};
  }, [text]);
  return html`<${Rows} table=${table} />`;
}

// table: {rows, more, columns, decimal, sure, uncomputed}. The first row has the names of the columns. decimal: the decimal mark where cells
// do not tell it; sure: it is that of the table. uncomputed: see openWorkbook().
function Rows({table}) {
  const {t, format} = useApp();
  const [plotted, setPlotted] = useState(false);
  const [chosen, setChosen] = useState(null);  // the decimal mark, by the reader
  const {rows, more, decimal, sure, uncomputed, columns} = table;
  const right = useMemo(() => numberColumns(rows), [rows]);
  const {marks, unsure} = useMemo(() => (plotted ? decimalMarks(rows.slice(1), right.length, chosen ?? decimal) : {}), [rows, right, plotted, chosen, decimal]);
  if (rows.length === 0) return html`<p class="hint">${t('file.no_rows')}</p>`;
  const body = rows.slice(1);
  const counts = {count: format.number(body.length), columns: format.number(columns)};
  const names = right.map((_, column) => rows[0][column] || `#${column + 1}`);
  const cell = (row, column) => {
    const text = body[row][column] ?? '';
    return uncomputed?.has(`${row + 1} ${column}`) ? html`<span class="hint">${text}</span>` : text;
  };
  return html`<div class="bar-row"><span class="hint">${t(more ? 'file.first_rows' : 'file.rows', counts)}${columns > right.length && ` · ${t('file.first_columns', {columns: format.number(right.length)})}`}</span><span class="grow"></span>
      ${right.some(Boolean) && html`<button type="button" class="button small" aria-pressed=${String(plotted)} onClick=${() => setPlotted(!plotted)}>${t('plot.title')}</button>`}</div>
    ${uncomputed?.size > 0 && html`<p class="hint">${t('file.uncomputed', {count: format.number(uncomputed.size)})}</p>`}
    ${plotted && unsure && !sure && html`<${DecimalMark} example=${unsure} mark=${chosen ?? decimal} onChange=${setChosen} />`}
    ${plotted && html`<${Plot} reading=${marks.join('')} names=${names} numbers=${right} points=${(x, y) => pointsOf(body, x, y, marks)} />`}
    <${Sheet} heads=${right.map((_, column) => rows[0][column] ?? '')} numbers=${right} count=${body.length} cell=${cell} titleOf=${(row, column) => body[row][column]} label=${t('file.preview')} numbered=${true} />`;
}

// Nothing in the table tells what its marks are: the reader may know.
function DecimalMark({example, mark, onChange}) {
  const {t, format} = useApp();
  return html`<div class="bar-row"><span class="hint" role="status">${t('plot.unsure', {example, value: format.exactNumber(numberOf(example, mark))})}</span><span class="grow"></span>
    <${Choice} plain=${true} label=${t('plot.decimal')} values=${['.', ',']} current=${mark} text=${(one) => t(one === '.' ? 'plot.point' : 'plot.comma')} onChange=${onChange} /></div>`;
}
