// The keys of the client's members: who has one, a new one whose secret is shown once, deleting. For leaders.
import {html, useRef, useState} from '../dom.js';
import {isOwnKey, keyBody, LIFETIMES, memberNames} from '../state/keys.js';
import {useApp, useLoad, useStore} from './context.js';
import {Confirm, Copy, describeError, Loaded, Named, Notice} from './parts.js';

const DAY = 86_400;

export function KeysView() {
  const {t, api, session} = useApp();
  const {role} = useStore(session);
  const state = useLoad(async (signal) => (role === 'leader' ? api.keys({signal}) : null), [role]);
  const [made, setMade] = useState(null);
  const box = useRef(null);
  const take = (key) => {
    setMade(key);
    state.reload();
    requestAnimationFrame(() => box.current?.focus());
  };
  return html`<div class="page"><div class="page-head"><h1 tabindex="-1">${t('keys.title')}</h1></div>
    ${role !== null && role !== 'leader' ? html`<${Notice} title=${t('error.role')} />` : html`<p class="hint key-lead">${t('keys.lead')}</p>
    <${Loaded} state=${state}>${(keys) => keys !== null && html`<div class="key-view">
      <div class="key-new">${made && html`<section class="card made-key" ref=${box} tabindex="-1" aria-labelledby="made-key"><h2 id="made-key">${t('keys.made', {user: made.username})}</h2><p>${t('keys.made_hint')}</p>
        <p class="code text">${made.api_key}</p><div class="form-actions"><${Copy} value=${made.api_key} /><button type="button" class="button small" onClick=${() => setMade(null)}>${t('keys.done')}</button></div></section>`}
        <${NewKey} names=${memberNames(keys)} onMade=${take} /></div>
      <section aria-labelledby="all-keys"><h2 id="all-keys">${t('keys.list')}</h2><ul class="cards">${keys.map((key) => html`<${Key} key=${key.key_id} about=${key} reload=${state.reload} />`)}</ul></section></div>`}<//>`}</div>`;
}

function NewKey({names, onMade}) {
  const {t, api, format} = useApp();
  const [fields, setFields] = useState({username: '', lifetime: 90 * DAY, description: ''});
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const set = (part) => setFields((before) => ({...before, ...part}));
  const send = async (event) => {
    event.preventDefault();
    if (busy || !fields.username.trim()) return;
    setBusy(true);
    setProblem(null);
    try {
      const key = await api.makeKey(keyBody(fields));
      setFields({...fields, username: '', description: ''});
      onMade(key);
    } catch (error) {
      setProblem(describeError(t, error));
    }
    setBusy(false);
  };
  const label = (seconds) => (seconds === 0 ? t('keys.never') : seconds === 365 * DAY ? t('keys.year') : t('keys.days', {count: format.number(seconds / DAY)}));
  return html`<form class="card form" onSubmit=${send}><h2>${t('keys.new')}</h2>
    <div class="field"><label for="key-user">${t('keys.user')}</label><input id="key-user" list="key-users" value=${fields.username} maxlength="255" required autocomplete="off" spellcheck=${false} aria-describedby="key-user-hint" onInput=${(event) => set({username: event.target.value})} />
      <datalist id="key-users">${names.map((name) => html`<option key=${name} value=${name}></option>`)}</datalist><p class="hint" id="key-user-hint">${t('keys.user_hint')}</p></div>
    <div class="field"><label for="key-expires">${t('keys.expires')}</label><select id="key-expires" value=${String(fields.lifetime)} onChange=${(event) => set({lifetime: Number(event.target.value)})}>${LIFETIMES.map((seconds) => html`<option key=${seconds} value=${String(seconds)}>${label(seconds)}</option>`)}</select></div>
    <div class="field"><label for="key-purpose">${t('keys.purpose')}</label><input id="key-purpose" value=${fields.description} maxlength="200" autocomplete="off" aria-describedby="key-purpose-hint" onInput=${(event) => set({description: event.target.value})} /><p class="hint" id="key-purpose-hint">${t('keys.purpose_hint')}</p></div>
    ${problem && html`<p class="field-error" role="alert">${problem.title} ${problem.hint}</p>`}
    <div class="form-actions"><button class="button primary" disabled=${busy}>${t('keys.make')}</button></div></form>`;
}

function Key({about, reload}) {
  const {t, api, session, format, clock} = useApp();
  const {identity} = useStore(session);
  const [asks, setAsks] = useState(false);
  const trigger = useRef(null);
  const {key_id: id, username, source, state} = about;
  const own = isOwnKey(id, identity['x-api-key']);
  const day = (text) => (text ? format.date(Date.parse(text)) : '–');
  const facts = [
    source === 'Client' ? t('keys.by_operator') : t('keys.by', {who: about.created_by ?? '–', time: day(about.created_at)}),
    about.expires_at ? t('keys.expires_at', {time: day(about.expires_at)}) : t('keys.never_expires'),
    source === 'Key' && (about.last_used ? t('keys.used', {time: format.moment(Date.parse(about.last_used), clock.now())}) : t('keys.unused')),
  ].filter(Boolean);
  return html`<li class="card key-card"><div class="key-head"><strong dir="auto">${username}</strong>${about.role && html`<span class="tag">${t(`role.${about.role}`)}</span>`}
      <span class=${`badge ${state === 'live' ? 'badge-finished' : 'badge-failed'}`}><span class="dot" aria-hidden="true"></span>${t(`keys.${state}`)}</span>${own && html`<span class="tag">${t('keys.own')}</span>`}<span class="grow"></span>
      ${source === 'Key' && html`<button type="button" class="button small danger-quiet" ref=${trigger} aria-label=${t('keys.delete_of', {id, user: username})} onClick=${() => setAsks(true)}>${t('keys.delete')}</button>`}</div>
    <p class="code hint">vb_${id}_…</p>${about.description && html`<p dir="auto">${about.description}</p>`}<p class="hint">${facts.join(' · ')}</p>
    ${asks && html`<${Confirm} title=${t('keys.delete_title')} lines=${[html`<${Named} name=${username} id=${`vb_${id}_…`} />`, t('keys.delete_text'), own && t('keys.delete_own')]} action=${t('keys.delete')} danger=${true}
      act=${async () => {
        await api.deleteKey(id);
        setAsks(false);
        reload();
      }} onClose=${() => (setAsks(false), trigger.current?.focus())} />`}</li>`;
}
