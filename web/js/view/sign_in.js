import {html, useEffect, useRef, useState} from '../dom.js';
import {createClient, jsonOf} from '../api/client.js';
import {FIELDS, wrongField} from '../state/session.js';
import {useApp, useStore} from './context.js';
import {describeError} from './parts.js';

// The role of an identity: the server tells it with the usage; an older one shows only whether jobs may be read.
export async function checkIdentity({base, identity, fetch}) {
  const api = createClient({base, identity: () => identity, fetch});
  const answer = await api.send('GET', 'usage');
  const {role} = await jsonOf(answer);
  if (role) return role;
  try {
    await api.send('GET', 'job', {query: {page_size: 1}});
    return null;
  } catch (error) {
    if (error.kind === 'role') return 'stakeholder';
    throw error;
  }
}

export function SignIn() {
  const {t, session, base} = useApp();
  const {identity: before, expired, kept} = useStore(session);
  const [fields, setFields] = useState(() => ({...before, 'x-api-key': ''}));
  const [keep, setKeep] = useState(kept);
  const [shown, setShown] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);  // {field} or {error}
  const form = useRef(null);

  useEffect(() => {
    form.current.elements[expired ? 'x-api-key' : 'organization_id'].focus();
  }, [expired]);

  const send = async (event) => {
    event.preventDefault();
    const identity = Object.fromEntries(FIELDS.map((field) => [field, (fields[field] ?? '').trim()]));
    const field = wrongField(identity);
    if (field) {
      setProblem({field});
      form.current.elements[field].focus();
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      session.signIn(identity, await checkIdentity({base, identity, fetch: (...request) => fetch(...request)}), keep);
    } catch (error) {
      setProblem({error});
      setBusy(false);
    }
  };

  const failure = problem?.error && (problem.error.kind === 'key' ? {title: t('sign_in.refused')} : describeError(t, problem.error));
  return html`<main id="content" class="sign-in">
    <form ref=${form} class="card" onSubmit=${send} novalidate autocomplete="off">
      <img class="mark" src="web/mark.svg" alt="" width="40" height="40" />
      <h1 tabindex="-1">${expired ? t('sign_in.again') : t('sign_in.title')}</h1>
      <p class="lead">${expired ? t('sign_in.again_hint') : t('sign_in.lead')}</p>
      ${FIELDS.map((name) => html`<div class="field" key=${name}>
        <label for=${name}>${t(`sign_in.${name}`)}</label>
        <div class="field-row">
          <input id=${name} name=${name} type=${name === 'x-api-key' && !shown ? 'password' : 'text'} value=${fields[name] ?? ''} spellcheck=${false} autocapitalize="off"
            autocomplete="off" aria-invalid=${problem?.field === name ? 'true' : undefined} aria-describedby=${problem?.field === name ? `${name}-error` : undefined}
            placeholder=${name === 'x-api-key' ? 'vb_…' : undefined}
            onInput=${(event) => setFields((all) => ({...all, [name]: event.target.value}))} />
          ${name === 'x-api-key' && html`<button type="button" class="button quiet" aria-pressed=${String(shown)} onClick=${() => setShown(!shown)}>${shown ? t('sign_in.hide') : t('sign_in.show')}</button>`}
        </div>
        ${problem?.field === name && html`<p class="field-error" id=${`${name}-error`}>${t('sign_in.missing')}</p>`}
      </div>`)}
      <label class="check"><input type="checkbox" checked=${keep} onChange=${(event) => setKeep(event.target.checked)} aria-describedby="keep-hint" /><span>${t('sign_in.keep')}</span></label>
      <p class="hint" id="keep-hint">${t('sign_in.keep_hint')}</p>
      ${failure && html`<p class="field-error" role="alert">${failure.title} ${failure.hint}</p>`}
      <button class="button primary wide" disabled=${busy}>${busy ? t('sign_in.checking') : t('sign_in.submit')}</button>
      ${expired && html`<button type="button" class="button quiet wide" onClick=${() => session.signOut()}>${t('sign_in.out')}</button>`}
    </form>
  </main>`;
}
