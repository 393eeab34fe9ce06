// The logs of a job. While it runs as a stream, if the server has one; else out of the archive, read again and again.
import {html, useEffect, useMemo, useRef, useState} from '../dom.js';
import {isAbort} from '../api/errors.js';
import {bodyOf} from '../api/client.js';
import {followLog} from '../api/log_stream.js';
import {readDirectory, readEntry} from '../api/zip.js';
import {ansiParts, firstLog, styleBefore} from '../preview/ansi.js';
import {createDecoder} from '../preview/decode.js';
import {createLogBuffer, createSearch, LIMITS} from '../preview/log_buffer.js';
import {visibleRows} from '../state/job_list.js';
import {useApp, useStore, useVisible} from './context.js';
import {Download} from './files.js';
import {Failure, Notice, Waiting} from './parts.js';

const MOST_ARCHIVE = 64 << 20;
const MOST_SHOWN = LIMITS.text;  // of one file, from its end
const PIECE = 1 << 18;  // bytes that are split into lines at once
const WRAPPED = 1000;  // lines that are drawn when lines are wrapped
const LINE = 20;
const AGAIN = 2000;
const SILENT = 45_000;  // milliseconds
const SLICE = 12;  // milliseconds of reading; then the page has its turn
const DRAW = 100;  // milliseconds; many pieces are drawn at once

// {entries, bytes}, or {size} if the archive is too large, or null for the one that is known already.
async function loadLogs(api, id, etag, signal) {
  return api.read(api.logs(id), {signal, headers: etag ? {'if-none-match': etag} : {}}, async (answer) => {
    if (answer.status === 304) return null;
    const size = Number(answer.headers.get('content-length')) || 0;
    if (size > MOST_ARCHIVE) {
      answer.body?.cancel().catch(() => {});
      return {size};
    }
    const bytes = new Uint8Array(await bodyOf(answer, 'arrayBuffer'));
    return {bytes, etag: answer.headers.get('etag'), entries: bytes.length ? readDirectory(bytes) : []};
  });
}

// Logs that were followed stay what they are when the job ends, with the place, the search and the focus of who reads them. The files of
// the archive are a button away then.
export function Logs({job, open}) {
  const {features} = useApp();
  const [streams, setStreams] = useState(open);
  const all = () => {
    setStreams(false);
    document.getElementById('tab-logs')?.focus();  // the button goes
  };
  return streams && features.logs ? html`<${StreamedLogs} job=${job} open=${open} all=${all} />` : html`<${ArchivedLogs} job=${job} open=${open} />`;
}

const STREAMS = ['stdout', 'stderr'];

// follow: to the end of the job; else what is there now. open: whether the job has not ended. all(): shows the files of the archive.
function StreamedLogs({job, follow = true, open: runs = follow, all}) {
  const {api, t, session, live} = useApp();
  const {signIns} = useStore(session);
  const [stream, setStream] = useState('stdout');
  const [log, setLog] = useState({buffer: createLogBuffer(), version: 0});
  const [error, setError] = useState(null);
  const [round, setRound] = useState(0);
  const visible = useVisible();
  const whole = useRef('');  // the log that was read to its end
  const heard = useRef(0);
  const which = JSON.stringify([job.job_id, stream, round, follow]);
  useEffect(() => setLog({buffer: createLogBuffer(), version: 0}), [job.job_id, stream]);
  // Nothing comes of a log in which nothing is written, so it shows no dead connection. The stream of events does: when that was opened
  // anew, a log of which nothing came for long is, too.
  useEffect(() => live.listen(({type}) => {
    if (type === 'look' && live.open.get() && whole.current !== which && performance.now() - heard.current > SILENT) setRound((count) => count + 1);
  }), [which]);
  useEffect(() => {
    if (!visible || whole.current === which) return undefined;
    const stop = new AbortController();
    let drawing = 0;
    let turn = performance.now();
    let buffer = null;
    heard.current = performance.now();
    setError(null);
    const draw = () => {
      drawing = 0;
      setLog(({version}) => ({buffer, version: version + 1}));
    };
    const onText = (piece) => {
      heard.current = performance.now();
      buffer.append(piece);
      drawing ||= setTimeout(draw, DRAW);
      if (performance.now() - turn < SLICE) return undefined;
      return new Promise((resolve) => setTimeout(() => {
        turn = performance.now();
        resolve();
      }));
    };
    const open = (signal) => (follow ? api.logStream : api.logEnd)(job.job_id, stream, {signal});
    const onBegin = () => {
      heard.current = performance.now();
      buffer = createLogBuffer();
    };
    followLog({open, onBegin, onText, signal: stop.signal}).then(() => !stop.signal.aborted && (whole.current = which), (problem) => setError(problem));
    return () => {
      stop.abort();
      clearTimeout(drawing);
    };
  }, [job.job_id, stream, round, signIns, visible, follow]);
  if (error) return html`<${Failure} error=${error} retry=${() => setRound(round + 1)} />`;
  const choice = html`<div class="segments" role="group" aria-label=${t('logs.file')}>${STREAMS.map((name) => html`<button type="button" key=${name} aria-pressed=${String(name === stream)} onClick=${() => setStream(name)}>${name}</button>`)}</div>
    ${all && !runs && html`<button type="button" class="button small quiet" onClick=${all}>${t('logs.all')}</button>`}`;
  return html`<${LogText} log=${log} open=${runs} label=${stream} choice=${choice}
    download=${html`<${Download} path=${api.logs(job.job_id)} name=${`${job.job_id}-logs.zip`} label=${t('file.download')} small=${true} />`} />`;
}

function ArchivedLogs({job, open}) {
  const {api, t, format, session, features} = useApp();
  const {signIns} = useStore(session);
  const [logs, setLogs] = useState(null);
  const [error, setError] = useState(null);
  const [round, setRound] = useState(0);
  const [chosen, setChosen] = useState(null);
  const shown = useRef(null);
  const visible = useVisible();
  useEffect(() => {
    if (!visible && open) return undefined;
    const stop = new AbortController();
    let known;
    const run = async () => {
      try {
        do {
          const found = await loadLogs(api, job.job_id, known, stop.signal);
          if (found) setLogs(found);
          known = found?.etag ?? known;
          if (!open || found?.size) return;
          await new Promise((resolve) => setTimeout(resolve, AGAIN));
        } while (!stop.signal.aborted);
      } catch (problem) {
        if (!isAbort(problem)) setError(problem);
      }
    };
    setError(null);
    run();
    return () => stop.abort();
  }, [job.job_id, open, round, signIns, visible || !open]);

  if (error) return html`<${Failure} error=${error} retry=${() => setRound(round + 1)} />`;
  if (!logs) return html`<${Waiting} />`;
  const download = html`<${Download} path=${api.logs(job.job_id)} name=${`${job.job_id}-logs.zip`} label=${t('file.download')} small=${true} />`;
  if (logs.size && features.logs) return html`<${StreamedLogs} job=${job} follow=${open} />`;
  if (logs.size) return html`<${Notice} title=${t('logs.too_large', {size: format.bytes(logs.size)})}>${download}<//>`;
  const entries = logs.entries.filter((entry) => !entry.name.endsWith('/'));
  if (entries.every((entry) => entry.size === 0)) return html`<${Notice} title=${t('logs.empty')} />`;
  // The file that is shown stays when the job ends.
  const entry = entries.find(({name}) => name === (chosen ?? shown.current)) ?? firstLog(entries, job.job_status === 'failed');
  shown.current = entry.name;
  return html`<${LogFile} key=${entry.name} bytes=${logs.bytes} entry=${entry} entries=${entries} choose=${setChosen} open=${open} download=${download} />`;
}

// Splits a file into lines piece by piece, so that the page answers meanwhile.
async function readLog(bytes, entry, buffer, signal) {
  const part = await readEntry(bytes, entry, MOST_SHOWN);
  const decoder = createDecoder();
  for (let at = 0; at < part.length && !signal.aborted; at += PIECE) {
    buffer.append(decoder.push(part.subarray(at, at + PIECE), at + PIECE >= part.length));
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function LogFile({bytes, entry, entries, choose, open, download}) {
  const {t, format} = useApp();
  const [log, setLog] = useState(null);
  useEffect(() => {
    const stop = new AbortController();
    const buffer = createLogBuffer();
    readLog(bytes, entry, buffer, stop.signal).catch(() => {}).finally(() => !stop.signal.aborted && setLog((before) => ({buffer, version: (before?.version ?? 0) + 1})));
    return () => stop.abort();
  }, [bytes, entry.name]);
  const choice = entries.length > 1 && html`<select aria-label=${t('logs.file')} value=${entry.name} onChange=${(event) => choose(event.target.value)}>${entries.map(({name, size}) => html`<option key=${name} value=${name}>${name} (${format.bytes(size)})</option>`)}</select>`;
  const note = entry.size > MOST_SHOWN && html`<p class="hint">${t('logs.cut', {size: format.bytes(MOST_SHOWN)})}</p>`;
  return html`<${LogText} log=${log} open=${open} label=${entry.name} choice=${choice} note=${note} download=${download} />`;
}

// The matches of a search, which goes on in small steps while the log grows.
function useMatches(log, wanted) {
  const search = useMemo(() => (log && wanted ? createSearch(log.buffer, wanted) : null), [log?.buffer, wanted]);
  const [, draw] = useState(0);
  const done = useRef(true);
  useEffect(() => {
    if (!search) return undefined;
    let timer = 0;
    const go = () => {
      done.current = search.step();
      draw((count) => count + 1);
      if (!done.current) timer = setTimeout(go, 16);
    };
    go();
    return () => clearTimeout(timer);
  }, [search, log?.version]);
  return search ? {matches: search.matches(), done: done.current} : {matches: [], done: true};
}

// log: {buffer, version}, null while it loads.
function LogText({log, open, label, choice, note, download}) {
  const {t, format} = useApp();
  const [wrap, setWrap] = useState(false);
  const [follow, setFollow] = useState(open);
  const [search, setSearch] = useState('');
  const [at, setAt] = useState(-1);  // the line to which was jumped, counted from the beginning of the log
  const [view, setView] = useState({top: 0, height: 480});
  const box = useRef(null);
  const reached = useRef(0);  // how far the box was scrolled to follow
  const buffer = log?.buffer;
  const count = buffer?.count() ?? 0;
  const dropped = buffer?.dropped() ?? 0;
  const {matches, done} = useMatches(log, search);
  const error = buffer?.error() ?? -1;

  useEffect(() => {
    if (!follow || !box.current) return;
    box.current.scrollTop = box.current.scrollHeight;
    reached.current = box.current.scrollTop;
  }, [log?.version, follow, wrap]);
  const jump = (line) => {
    setFollow(false);
    setAt(line + dropped);
    requestAnimationFrame(() => {
      const target = wrap ? box.current.querySelector(`[data-line="${line + dropped}"]`)?.offsetTop ?? 0 : line * LINE;
      box.current.scrollTop = Math.max(0, target - 120);
    });
  };
  const next = () => jump(matches.find((line) => line + dropped > at) ?? matches[0]);
  const onScroll = ({target}) => {
    setView({top: target.scrollTop, height: target.clientHeight});
    // Only who scrolls up wants to stay there: the log may have grown since the box was scrolled to its end.
    if (follow && target.scrollTop < reached.current - 40) setFollow(false);
  };

  // Wrapped lines have no common height: some are drawn around the line to which was jumped, or else the last ones.
  const middle = at >= dropped && !follow ? at - dropped : count;
  const range = wrap ? {first: Math.max(0, Math.min(middle - WRAPPED / 2, count - WRAPPED)), end: Math.min(count, Math.max(middle + WRAPPED / 2, WRAPPED))} : visibleRows(count, LINE, view.top, view.height, 20);
  const rows = Array.from({length: Math.max(0, range.end - range.first)}, (_, index) => range.first + index);
  let style = buffer && styleBefore(range.first, (row) => buffer.line(row));  // a colour goes on over the end of a line
  return html`<div class="logs">
    <div class="bar-row log-tools">
      ${choice}
      <input class="search" type="search" value=${search} placeholder=${t('logs.search')} aria-label=${t('logs.search')} onInput=${(event) => setSearch(event.target.value)}
        onKeyDown=${(event) => event.key === 'Enter' && matches.length && next()} />
      ${search && html`<span class="hint" role="status">${t('logs.matches', {count: format.number(matches.length)})}${!done && '…'}</span>
        <button type="button" class="button small" disabled=${!matches.length} onClick=${next}>${t('logs.next')}</button>`}
      <span class="grow"></span>
      ${error >= 0 && html`<button type="button" class="button small" onClick=${() => jump(error)}>${t('logs.error')}</button>`}
      ${open && html`<label class="check"><input type="checkbox" checked=${follow} onChange=${(event) => setFollow(event.target.checked)} /><span>${t('logs.follow')}</span></label>`}
      <label class="check"><input type="checkbox" checked=${wrap} onChange=${(event) => setWrap(event.target.checked)} /><span>${t('logs.wrap')}</span></label>
      ${download}
    </div>
    ${note || (dropped > 0 && html`<p class="hint">${t('logs.dropped', {count: format.number(dropped)})}</p>`)}
    <div class=${`log ${wrap ? 'wrap' : ''} ${open ? '' : 'ended'}`} ref=${box} tabindex="0" role="region" aria-label=${label} onScroll=${onScroll}>
      <div class="log-lines" style=${wrap ? undefined : {height: `${count * LINE}px`, paddingTop: `${range.first * LINE}px`}}>
        ${wrap && range.first > 0 && html`<p class="hint log-rest">${t('logs.above', {count: format.number(range.first)})}</p>`}
        ${rows.map((row) => {
          const {parts, style: next} = ansiParts(buffer.line(row), style);
          style = next;
          return html`<${LogLine} key=${row + dropped} parts=${parts} number=${row + dropped} marked=${row + dropped === at} />`;
        })}
        ${wrap && range.end < count && html`<p class="hint log-rest">${t('logs.below', {count: format.number(count - range.end)})}</p>`}
      </div>
    </div>
    <p class="hint">${!log ? t('common.loading') : count === 0 ? t('logs.empty') : t('logs.lines', {count: format.number(count)})}</p>
  </div>`;
}

function LogLine({parts, number, marked}) {
  return html`<div data-line=${number} class=${`log-line ${marked ? 'at' : ''}`}><span class="log-number" aria-hidden="true">${number + 1}</span><span class="log-text">${parts.map((part) => (part.class ? html`<span class=${part.class}>${part.text}</span>` : part.text))}</span></div>`;
}
