// Small pieces that several views use.
import {html, useEffect, useLayoutEffect, useRef, useState} from '../dom.js';
import {useApp, useStore} from './context.js';

export function Badge({state}) {
  const {t} = useApp();
  return html`<span class=${`badge badge-${state}`}><span class="dot" aria-hidden="true"></span>${t(`state.${state}`)}</span>`;
}

export function Copy({value, label}) {
  const {t} = useApp();
  const [done, setDone] = useState('');  // the text that says how it went
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(''), 4000);
    return () => clearTimeout(timer);
  }, [done]);
  // Over plain HTTP a browser has no clipboard for pages.
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof value === 'function' ? value() : value);
      setDone('common.copied');
    } catch {
      setDone('common.not_copied');
    }
  };
  return html`<button type="button" class="button small quiet" onClick=${copy}><span aria-live="polite">${done ? t(done) : label ?? t('common.copy')}</span></button>`;
}

// What is shown instead of content. kind: 'empty', 'error' or 'wait'.
export function Notice({kind = 'empty', title, hint, children}) {
  return html`<div class=${`notice notice-${kind}`} role=${kind === 'error' ? 'alert' : 'status'}>
    <p class="notice-title">${title}</p>
    ${hint && html`<p class="notice-hint">${hint}</p>`}
    ${children && html`<div class="notice-actions">${children}</div>`}
  </div>`;
}

export function Waiting({slow}) {
  const {t} = useApp();
  return html`<div class="waiting" role="status" aria-live="polite"><span class="bar" aria-hidden="true"></span><span class="bar" aria-hidden="true"></span><span class="bar" aria-hidden="true"></span>
    <span class=${slow ? 'hint' : 'unseen'}>${slow ? t('common.slow') : t('common.loading')}</span></div>`;
}

// An error in words, with what to do.
export function describeError(t, error) {
  if (error.kind === 'away') return error.status ? {title: t('error.busy'), hint: error.detail} : {title: t('error.away_once')};
  if (error.kind === 'role') return {title: t('error.role')};
  if (error.kind === 'missing') return {title: t('error.missing'), hint: t('error.missing_hint')};
  if (error.kind === 'upload') return {title: t('error.upload'), hint: error.detail};
  if (error.kind === 'closed') return {title: t('error.closed'), hint: t('error.closed_hint')};
  if (error.kind === 'key') return {title: t('sign_in.again')};
  if (error.kind === 'refused') return {title: t('error.refused'), hint: [error.error, error.detail].filter(Boolean).join(': ')};
  return {title: t('error.server', {id: error.requestId || '–'}), hint: error.error};
}

export function Failure({error, retry}) {
  const {t} = useApp();
  const {title, hint} = describeError(t, error);
  return html`<${Notice} kind="error" title=${title} hint=${hint}>
    ${retry && error.kind !== 'role' && error.kind !== 'missing' && html`<button type="button" class="button" onClick=${retry}>${t('common.retry')}</button>`}
  <//>`;
}

// The button for the rows behind a page {items, next}. set: that of useLoad.
export function More({page, set, options}) {
  const {t, api} = useApp();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  const more = async () => {
    setBusy(true);
    setError(null);
    try {
      const found = await api.filled({items: [], next: page.next}, 1, options);
      set((before) => ({items: [...before.items, ...found.items], next: found.next}));
    } catch (problem) {
      setError(problem);
    }
    setBusy(false);
  };
  return html`${error && html`<${Failure} error=${error} retry=${more} />`}
    ${page.next && html`<button type="button" class="button" disabled=${busy} onClick=${more}>${busy ? t('common.loading') : t('repositories.more')}</button>`}`;
}

// The three states of something that loads; children(data) draws it.
export function Loaded({state, children}) {
  if (state.data !== undefined) return children(state.data);
  if (state.error) return html`<${Failure} error=${state.error} retry=${state.reload} />`;
  return html`<${Waiting} slow=${state.slow} />`;
}

// Something by its name and its id, in a question.
export const Named = ({name, id}) => html`<bdi>${name}</bdi> · <span class="code">${id}</span>`;

// A question before something that cannot be undone. act() is sent once; its error is shown in the dialog. It ends with the session: as long
// as it is open the browser lets nobody into the rest of the page, and so not to the question for a new key.
export function Confirm({title, lines, action, danger, act, onClose}) {
  const {t, session} = useApp();
  const {expired} = useStore(session);
  const dialog = useRef(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(null);
  useEffect(() => {
    dialog.current.showModal();
    dialog.current.querySelector('[data-first]')?.focus();
  }, []);
  // Before the sign-in gives the focus to its field.
  useLayoutEffect(() => {
    if (expired) dialog.current.close();
  }, [expired]);
  const run = async () => {
    setBusy(true);
    setError(null);
    try {
      await act();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  const failure = error && describeError(t, error);
  return html`<dialog ref=${dialog} class="dialog" aria-labelledby="confirm-title" onClose=${onClose}>
    <h2 id="confirm-title">${title}</h2>
    ${lines.filter(Boolean).map((line) => html`<p>${line}</p>`)}
    ${failure && html`<p class="field-error" role="alert">${failure.title} ${failure.hint}</p>`}
    <div class="dialog-actions">
      <button type="button" class="button" data-first onClick=${() => dialog.current.close()}>${t('common.keep')}</button>
      <button type="button" class=${`button ${danger ? 'danger' : 'primary'}`} disabled=${busy} onClick=${run}>${action}</button>
    </div>
  </dialog>`;
}

// Tabs with the keys of the ARIA pattern. tabs: [{id, label, count}].
export function Tabs({tabs, current, onChange, label}) {
  const list = useRef(null);
  const move = (event) => {
    const at = tabs.findIndex((tab) => tab.id === current);
    const next = {ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1}[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const tab = tabs[next % tabs.length];
    onChange(tab.id);
    list.current.querySelector(`[data-tab="${tab.id}"]`).focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${move}>
    ${tabs.map((tab) => html`<button type="button" role="tab" id=${`tab-${tab.id}`} data-tab=${tab.id} aria-selected=${String(tab.id === current)}
      aria-controls="panel" tabindex=${tab.id === current ? 0 : -1} onClick=${() => onChange(tab.id)}>${tab.label}</button>`)}
  </div>`;
}

export function Time({at, now}) {
  const {format} = useApp();
  return html`<time title=${format.exact(at)} datetime=${at === null ? undefined : new Date(at).toISOString()}>${format.moment(at, now)}</time>`;
}

// One of few values. plain: the label is for screen readers only.
export function Choice({label, values, current, text, onChange, plain}) {
  return html`<fieldset class="choice"><legend class=${plain ? 'unseen' : undefined}>${label}</legend><div class="segments">
    ${values.map((value) => html`<button type="button" key=${value} aria-pressed=${String(value === current)} onClick=${() => onChange(value)}>${text(value)}</button>`)}
  </div></fieldset>`;
}
