// The logs of a job. While it runs as a stream, if the server has one; else out of the archive, read again and again.
import {html, useEffect, useMemo, useRef, useState} from '../dom.js';
import {isAbort} from '../api/errors.js';
import {followLog} from '../api/log_stream.js';
import {readDirectory, readEntry} from '../api/zip.js';
import {ansiParts, firstError, logLines, withoutAnsi} from '../preview/ansi.js';
import {visibleRows} from '../state/job_list.js';
import {useApp, useStore, useVisible} from './context.js';
import {Download} from './files.js';
import {Failure, Notice, Waiting} from './parts.js';

const MOST_ARCHIVE = 64 << 20;
const MOST_SHOWN = 4 << 20;  // of one file, from its end
const WRAPPED = 3000;  // lines that are drawn when lines are wrapped
const LINE = 20;
const AGAIN = 2000;
const LARGE = 1 << 18;  // characters; a larger text is drawn once a second

// {entries, bytes}, or {size} if the archive is too large, or null for the one that is known already.
async function loadLogs(api, id, etag, signal) {
  const path = api.logs(id);
  const answer = await api.read(path, {signal, headers: etag ? {'if-none-match': etag} : {}});
  if (answer.status === 304) return null;
  const size = Number(answer.headers.get('content-length')) || 0;
  if (size > MOST_ARCHIVE) {
    answer.body?.cancel().catch(() => {});
    return {size};
  }
  const bytes = new Uint8Array(await answer.arrayBuffer());
  return {bytes, etag: answer.headers.get('etag'), entries: bytes.length ? readDirectory(bytes) : []};
}

export function Logs({job, open}) {
  const {features} = useApp();
  return open && features.logs ? html`<${StreamedLogs} job=${job} />` : html`<${ArchivedLogs} job=${job} open=${open} />`;
}

const STREAMS = ['stdout', 'stderr'];

function StreamedLogs({job}) {
  const {api, t, session} = useApp();
  const {signIns} = useStore(session);
  const [stream, setStream] = useState('stdout');
  const [text, setText] = useState('');
  const [error, setError] = useState(null);
  const [round, setRound] = useState(0);
  const visible = useVisible();
  useEffect(() => setText(''), [job.job_id, stream]);
  useEffect(() => {
    if (!visible) return undefined;
    const stop = new AbortController();
    let drawing = 0;
    let last = '';
    setError(null);
    // Many pieces are drawn at once.
    const onText = (whole) => {
      last = whole;
      drawing ||= setTimeout(() => {
        drawing = 0;
        setText(last);
      }, whole.length > LARGE ? 1000 : 100);
    };
    followLog({open: (signal) => api.logStream(job.job_id, stream, {signal}), onText, signal: stop.signal})
      .catch((problem) => setError(problem));
    return () => {
      stop.abort();
      clearTimeout(drawing);
    };
  }, [job.job_id, stream, round, signIns, visible]);
  if (error) return html`<${Failure} error=${error} retry=${() => setRound(round + 1)} />`;
  const choice = html`<div class="segments" role="group" aria-label=${t('logs.file')}>${STREAMS.map((name) => html`<button type="button" key=${name} aria-pressed=${String(name === stream)} onClick=${() => setStream(name)}>${name}</button>`)}</div>`;
  return html`<${LogText} text=${text} open=${true} label=${stream} choice=${choice}
    download=${html`<${Download} path=${api.logs(job.job_id)} name=${`${job.job_id}-logs.zip`} label=${t('file.download')} small=${true} />`} />`;
}

function ArchivedLogs({job, open}) {
  const {api, t, format, session} = useApp();
  const {signIns} = useStore(session);
  const [logs, setLogs] = useState(null);
  const [error, setError] = useState(null);
  const [round, setRound] = useState(0);
  const [chosen, setChosen] = useState(null);
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
  if (logs.size) return html`<${Notice} title=${t('logs.too_large', {size: format.bytes(logs.size)})}>${download}<//>`;
  const entries = logs.entries.filter((entry) => !entry.name.endsWith('/'));
  if (entries.every((entry) => entry.size === 0)) return html`<${Notice} title=${t('logs.empty')} />`;
  const entry = entries.find(({name}) => name === chosen) ?? entries.find(({name, size}) => size > 0 && /stderr/.test(name) && job.job_status === 'failed') ?? entries.find(({size}) => size > 0);
  return html`<${LogFile} key=${entry.name} bytes=${logs.bytes} entry=${entry} entries=${entries} choose=${setChosen} open=${open} download=${download} />`;
}

function LogFile({bytes, entry, entries, choose, open, download}) {
  const {t, format} = useApp();
  const [text, setText] = useState(null);
  useEffect(() => {
    let current = true;
    readEntry(bytes, entry, MOST_SHOWN).then((part) => current && setText(new TextDecoder().decode(part)), () => current && setText(''));
    return () => (current = false);
  }, [bytes, entry.name]);
  const choice = entries.length > 1 && html`<select aria-label=${t('logs.file')} value=${entry.name} onChange=${(event) => choose(event.target.value)}>${entries.map(({name, size}) => html`<option key=${name} value=${name}>${name} (${format.bytes(size)})</option>`)}</select>`;
  const note = entry.size > MOST_SHOWN && html`<p class="hint">${t('logs.cut', {size: format.bytes(MOST_SHOWN)})}</p>`;
  return html`<${LogText} text=${text} open=${open} label=${entry.name} choice=${choice} note=${note} download=${download} />`;
}

// text: null while it loads.
function LogText({text, open, label, choice, note, download}) {
  const {t, format} = useApp();
  const [wrap, setWrap] = useState(false);
  const [follow, setFollow] = useState(open);
  const [search, setSearch] = useState('');
  const [at, setAt] = useState(-1);  // the line to which was jumped
  const [view, setView] = useState({top: 0, height: 480});
  const box = useRef(null);
  const lines = useMemo(() => logLines(text ?? ''), [text]);
  const wanted = search.toLowerCase();
  const matches = useMemo(() => (wanted ? lines.flatMap((line, number) => (withoutAnsi(line).toLowerCase().includes(wanted) ? [number] : [])) : []), [lines, wanted]);
  const error = useMemo(() => firstError(lines), [lines]);

  useEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follow, wrap]);
  const jump = (line) => {
    setFollow(false);
    setAt(line);
    requestAnimationFrame(() => {
      const target = wrap ? box.current.querySelector(`[data-line="${line}"]`)?.offsetTop ?? 0 : line * LINE;
      box.current.scrollTop = Math.max(0, target - 120);
    });
  };
  const onScroll = ({target}) => {
    setView({top: target.scrollTop, height: target.clientHeight});
    if (follow && target.scrollHeight - target.scrollTop - target.clientHeight > 80) setFollow(false);
  };

  const range = wrap ? {first: Math.max(0, lines.length - WRAPPED), end: lines.length} : visibleRows(lines.length, LINE, view.top, view.height, 20);
  const rows = lines.slice(range.first, range.end).map((line, index) => ({line, number: range.first + index}));
  return html`<div class="logs">
    <div class="bar-row log-tools">
      ${choice}
      <input class="search" type="search" value=${search} placeholder=${t('logs.search')} aria-label=${t('logs.search')} onInput=${(event) => setSearch(event.target.value)}
        onKeyDown=${(event) => event.key === 'Enter' && matches.length && jump(matches.find((line) => line > at) ?? matches[0])} />
      ${search && html`<span class="hint" role="status">${t('logs.matches', {count: format.number(matches.length)})}</span>
        <button type="button" class="button small" disabled=${!matches.length} onClick=${() => jump(matches.find((line) => line > at) ?? matches[0])}>${t('logs.next')}</button>`}
      <span class="grow"></span>
      ${error >= 0 && html`<button type="button" class="button small" onClick=${() => jump(error)}>${t('logs.error')}</button>`}
      ${open && html`<label class="check"><input type="checkbox" checked=${follow} onChange=${(event) => setFollow(event.target.checked)} /><span>${t('logs.follow')}</span></label>`}
      <label class="check"><input type="checkbox" checked=${wrap} onChange=${(event) => setWrap(event.target.checked)} /><span>${t('logs.wrap')}</span></label>
      ${download}
    </div>
    ${note}
    <div class=${`log ${wrap ? 'wrap' : ''}`} ref=${box} tabindex="0" role="region" aria-label=${label} onScroll=${onScroll}>
      <div class="log-lines" style=${wrap ? undefined : {height: `${lines.length * LINE}px`, paddingTop: `${range.first * LINE}px`}}>
        ${rows.map(({line, number}) => html`<div key=${number} data-line=${number} class=${`log-line ${number === at ? 'at' : ''}`}><span class="log-number" aria-hidden="true">${number + 1}</span><span class="log-text">${ansiParts(line).parts.map((part) => (part.class ? html`<span class=${part.class}>${part.text}</span>` : part.text))}</span></div>`)}
      </div>
    </div>
    <p class="hint">${text === null ? t('common.loading') : lines.length === 0 ? t('logs.empty') : t('logs.lines', {count: format.number(lines.length)})}</p>
  </div>`;
}
