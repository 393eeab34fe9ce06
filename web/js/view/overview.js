// What runs and waits, how long jobs waited and ran, how they ended, and what is stored.
import {html, useEffect, useRef, useState} from '../dom.js';
import {isAbort} from '../api/errors.js';
import {loadOpen, loadStats} from '../overview/load.js';
import {summaryOf} from '../overview/stats.js';
import {formatRoute} from '../state/route.js';
import {parseTime} from '../text/format.js';
import {explainReason} from '../text/translate.js';
import {Bars} from './bars.js';
import {useApp, useLoad, useStore} from './context.js';
import {Choice, Failure, Notice, Waiting} from './parts.js';

const AGAIN = 5000;  // milliseconds between two looks at what is open
const KINDS = ['finished', 'failed', 'cancelled'];

export function OverviewView() {
  const {t, session} = useApp();
  const {role} = useStore(session);
  return html`<div class="page"><div class="page-head"><h1 tabindex="-1">${t('overview.title')}</h1><span class="grow"></span><a class="button primary" href="#/submit">${t('nav.submit')}</a></div>
    ${role === 'stakeholder' ? html`<div class="figures"><${Storage} /></div><${Notice} title=${t('jobs.stakeholder')} hint=${t('jobs.stakeholder_hint')} />` : html`<${Now} /><${Past} />`}</div>`;
}

// Loads again when jobs change, but not more often than AGAIN.
function useOpen() {
  const {api, live} = useApp();
  const state = useLoad((signal) => loadOpen(api, {signal}), []);
  const loading = useRef(true);
  loading.current = state.loading;
  useEffect(() => {
    let timer = 0;
    // A load that is under way is not broken off: with many jobs, or on a slow line, none would ever end.
    const again = () => {
      timer = loading.current ? setTimeout(again, AGAIN) : 0;
      if (!timer) state.reload();
    };
    const end = live.listen(() => (timer ||= setTimeout(again, AGAIN)));
    return () => {
      end();
      clearTimeout(timer);
    };
  }, []);
  return state;
}

function Figure({label, value, hint, href, tone}) {
  const body = html`<span class="figure-label">${tone && html`<span class=${`key key-${tone}`} aria-hidden="true"></span>`}${label}</span><span class="figure-value">${value}</span><span class="hint">${hint}</span>`;
  return href ? html`<a class="figure" href=${href}>${body}</a>` : html`<div class="figure">${body}</div>`;
}

function Now() {
  const {t, format, clock} = useApp();
  const state = useOpen();
  const {data} = state;
  if (!data) return state.error ? html`<${Failure} error=${state.error} retry=${state.reload} />` : html`<${Waiting} slow=${state.slow} />`;
  const count = (value) => (data.more ? t('overview.at_least', {count: format.number(value)}) : format.number(value));
  const since = data.oldest && parseTime(data.oldest.created_on);
  const [why] = [...data.reasons].sort((left, right) => right[1] - left[1]);
  return html`<section class="figures" aria-label=${t('overview.now')}>
    <${Figure} tone="started" label=${t('overview.running')} value=${count(data.started)} href=${formatRoute(['jobs'], {status: 'started'})} hint=${'\u00a0'} />
    <${Figure} tone="queued" label=${t('overview.waiting')} value=${count(data.queued)} href=${formatRoute(['jobs'], {status: 'queued'})}
      hint=${since ? [t('overview.longest', {time: format.duration(clock.now() - since)}), why && why[0]].filter(Boolean).join(' · ') : '\u00a0'} />
    <${Storage} /></section>`;
}

function Storage() {
  const {t, format, api} = useApp();
  const state = useLoad((signal) => api.usage({signal}), []);
  const usage = state.data;
  if (!usage) return html`<${Figure} label=${t('usage.label')} value="–" hint=${state.error ? t('error.away_once') : t('common.loading')} />`;
  const used = format.bytes(usage.bytes_used);
  const parts = [usage.repositories !== undefined && t('overview.repositories', {count: format.number(usage.repositories)}), usage.jobs !== undefined && t('jobs.count', {count: format.number(usage.jobs)})].filter(Boolean).join(', ');
  return html`<div class="figure"><span class="figure-label">${t('usage.label')}</span><span class="figure-value">${used}</span>
    ${usage.bytes_quota ? html`<meter min="0" max=${usage.bytes_quota} high=${usage.bytes_quota * 0.9} value=${usage.bytes_used} aria-label=${t('usage.label')}></meter><span class="hint">${t('usage.of', {used, quota: format.bytes(usage.bytes_quota)})}</span>` : html`<span class="hint">${parts || '\u00a0'}</span>`}</div>`;
}

// The jobs of the last week, added up page by page.
function useStats() {
  const {api, session, clock} = useApp();
  const {signIns} = useStore(session);
  const [state, setState] = useState({found: null, loading: true, error: null});
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    const {signal} = stop;
    const put = (found, loading) => !signal.aborted && setState({found: {...found, part: {}}, loading, error: null});
    setState((before) => ({...before, loading: true, error: null}));
    loadStats(api, {now: clock.now(), signal, onPart: (found) => put(found, true)}).then((found) => put(found, false), (error) => !signal.aborted && !isAbort(error) && setState((before) => ({...before, loading: false, error})));
    return () => stop.abort();
  }, [round, signIns]);
  return {...state, again: () => setRound((count) => count + 1)};
}

function Past() {
  const {t, format} = useApp();
  const [span, setSpan] = useState('day');
  const {found, loading, error, again} = useStats();
  if (error && !found) return html`<${Failure} error=${error} retry=${again} />`;
  if (!found) return html`<${Waiting} />`;
  const {stats, complete} = found;
  if (stats.jobs === 0 && !loading) return html`<${Notice} title=${t('overview.empty')} hint=${t('overview.empty_hint')}><a class="button primary" href="#/submit">${t('nav.submit')}</a><//>`;
  return html`<section aria-labelledby="past"><div class="bar-row past-head"><h2 id="past">${t('overview.past')}</h2><${Choice} plain=${true} label=${t('overview.span')} values=${['day', 'week']} current=${span} text=${(value) => t(`overview.${value}`)} onChange=${setSpan} />
      <span class="grow"></span><span class="hint" role="status">${loading ? t('overview.reading', {count: format.number(stats.jobs)}) : complete ? t('overview.of_week', {count: format.number(stats.jobs)}) : t('overview.of_newest', {count: format.number(stats.jobs), time: format.moment(stats.oldest, stats.now)})}</span>
      <button type="button" class="button small" disabled=${loading} onClick=${again}>${t('overview.again')}</button></div>
    ${error && html`<${Failure} error=${error} retry=${again} />`}
    <${Span} summary=${summaryOf(stats[span])} span=${span} /></section>`;
}

function Span({summary, span}) {
  const {t, format} = useApp();
  const every = span === 'day' ? 4 : 1;
  const label = (bar) => (span === 'day' ? format.hour(bar.begin) : format.day(bar.begin));
  const ended = summary.finished + summary.failed + summary.cancelled;
  const times = (name) => (summary[name].median === null ? '–' : format.duration(summary[name].median));
  const more = (name) => (summary[name].median === null ? '\u00a0' : t('overview.quantiles', {high: format.duration(summary[name].high), most: format.duration(summary[name].most)}));
  const bars = (pick) => summary.bars.map((bar) => ({label: label(bar), parts: pick(bar)}));
  return html`<div class="figures"><${Figure} tone="finished" label=${t('overview.finished')} value=${format.number(summary.finished)} hint=${ended ? t('overview.share', {share: format.percent(summary.finished / ended)}) : '\u00a0'} />
      <${Figure} tone="failed" label=${t('overview.failed')} value=${format.number(summary.failed)} hint=${summary.cancelled ? t('overview.cancelled', {count: format.number(summary.cancelled)}) : '\u00a0'} />
      <${Figure} label=${t('overview.wait')} value=${times('wait')} hint=${more('wait')} />
      <${Figure} label=${t('overview.run')} value=${times('run')} hint=${more('run')} /></div>
    ${ended === 0 ? html`<${Notice} title=${t('overview.none_ended')} />` : html`<div class="charts">
      <div class="card"><${Bars} bars=${bars(({finished, failed, cancelled}) => ({finished, failed, cancelled}))} names=${KINDS} every=${every} unit="whole" title=${t('overview.ends')} titleOf=${(name) => t(`overview.${name}_key`)} text=${format.short} />
        <p class="keys">${KINDS.map((name) => html`<span key=${name}><span class=${`key key-${name}`} aria-hidden="true"></span>${t(`overview.${name}_key`)}</span>`)}</p></div>
      <div class="card"><${Reasons} reasons=${summary.reasons} /></div>
      <div class="card"><${Bars} bars=${bars(({wait}) => ({time: wait}))} names=${['time']} every=${every} unit="time" title=${t('overview.wait')} titleOf=${() => t('overview.median')} text=${format.duration} /></div>
      <div class="card"><${Bars} bars=${bars(({run}) => ({time: run}))} names=${['time']} every=${every} unit="time" title=${t('overview.run')} titleOf=${() => t('overview.median')} text=${format.duration} /></div></div>`}`;
}

function Reasons({reasons}) {
  const {t, format, language} = useApp();
  const most = Math.max(...reasons.map(({count}) => count), 1);
  return html`<h3 class="chart-title">${t('overview.reasons')}</h3><ul class="reasons">${reasons.map(({reason, kind, count}) => html`<li key=${reason ?? 'others'}>
    <span class="reason-name" title=${explainReason(language, reason)?.cause}>${reason === null ? t('overview.others') : reason || t('overview.unknown')}</span><span class="reason-count">${format.number(count)}</span>
    <progress class=${`reason-bar of-${kind}`} max=${most} value=${count} aria-hidden="true"></progress></li>`)}</ul>`;
}
