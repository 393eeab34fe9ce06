// The frame around all views: navigation, tenant, settings, and whether the server answers.
import {html, useEffect, useLayoutEffect, useRef, useState} from '../dom.js';
import {LANGUAGES, THEMES} from '../state/settings.js';
import {formatRoute} from '../state/route.js';
import {createTranslate} from '../text/translate.js';
import {CompareView} from './compare.js';
import {useApp, useLoad, useStore, useTitle} from './context.js';
import {JobView} from './job.js';
import {JobsView} from './jobs.js';
import {OverviewView} from './overview.js';
import {KeysView} from './keys.js';
import {Choice} from './parts.js';
import {RepositoriesView} from './repositories.js';
import {RepositoryView} from './repository.js';
import {DraftNote, KeptSubmit} from './submit/draft.js';

const PLACES = ['overview', 'jobs', 'submit', 'repositories'];
const ALL_PLACES = [...PLACES, 'keys'];  // those that the menu leads to, too

function viewOf([place, id, part], query) {
  if (place === 'jobs' && id) return html`<${JobView} key=${`job ${id}`} id=${id} tab=${part} />`;
  if (place === 'overview') return html`<${OverviewView} key="overview" />`;
  if (place === 'repositories' && id && part === 'compare') return html`<${CompareView} key=${`compare ${id} ${query.first ?? ''} ${query.last ?? ''}`} id=${id} first=${query.first ?? ''} last=${query.last ?? ''} />`;
  if (place === 'repositories' && id) return html`<${RepositoryView} key=${`repository ${id}`} id=${id} />`;
  if (place === 'repositories') return html`<${RepositoriesView} key="repositories" />`;
  if (place === 'keys') return html`<${KeysView} key="keys" />`;
  return html`<${JobsView} key="jobs" query=${query} />`;
}

export function Shell({hidden}) {
  const {t, route, api, session, away, language} = useApp();
  const {parts, query} = useStore(route);
  const isAway = useStore(away);
  const content = useRef(null);
  const first = useRef(true);
  const place = ALL_PLACES.includes(parts[0]) ? parts[0] : 'jobs';
  const usage = useLoad((signal) => api.usage({signal}), [place]);

  useEffect(() => {
    if (usage.data?.role) session.setRole(usage.data.role);
  }, [usage.data]);

  useTitle(parts[0] === place && parts[1] ? '' : t(`nav.${place}`));  // a view of one thing is called like it
  // A new view gets the focus at its heading, as a new page would.
  useLayoutEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    [...content.current.querySelectorAll('h1')].find((one) => one.checkVisibility())?.focus();
    scrollTo(0, 0);
  }, [place, parts[1] ?? '', parts[2] === 'compare']);

  return html`<div class="shell" hidden=${hidden} inert=${hidden}>
    <a class="skip" href="#content" onClick=${(event) => (event.preventDefault(), content.current.focus())}>${t('nav.skip')}</a>
    <header class="top">
      <a class="brand" href="#/jobs"><img src="web/mark.svg" alt="" width="24" height="24" /><span>vBrain</span></a>
      <nav aria-label=${t('nav.label')}>
        ${PLACES.map((name) => html`<a key=${name} href=${formatRoute([name])} aria-current=${name === place ? 'page' : undefined}>${t(`nav.${name}`)}</a>`)}
      </nav>
      <${Account} usage=${usage.data} />
    </header>
    <div class="away" role="status" aria-live="polite">${isAway && html`<p>${t('error.away')}</p>`}</div>
    <${DraftNote} shown=${place === 'submit'} />
    <main id="content" tabindex="-1" ref=${content}>${place !== 'submit' && viewOf(parts[0] === place ? parts : ['jobs'], query)}<${KeptSubmit} key="submit" query=${place === 'submit' ? query : null} /></main>
  </div>`;
}

// The menu with who is signed in, storage, language and theme. It closes with Escape and by a click elsewhere.
function Account({usage}) {
  const {t, session, settings, format, features} = useApp();
  const {identity, role} = useStore(session);
  const {theme, language} = useStore(settings);
  const [open, setOpen] = useState(false);
  const box = useRef(null);
  const button = useRef(null);

  useEffect(() => {
    if (!open) return undefined;
    const outside = (event) => !box.current.contains(event.target) && setOpen(false);
    const key = (event) => {
      if (event.key !== 'Escape') return;
      setOpen(false);
      button.current.focus();
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('keydown', key);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('keydown', key);
    };
  }, [open]);

  const used = usage && format.bytes(usage.bytes_used);
  return html`<div class="account" ref=${box}>
    <button type="button" class="account-button" ref=${button} aria-expanded=${String(open)} aria-controls="account" onClick=${() => setOpen(!open)}>
      <span class="avatar" aria-hidden="true">${[...identity.username][0].toUpperCase()}</span>
      <span class="account-name"><span>${identity.username}</span><span class="account-tenant">${identity.client_id} · ${identity.application_id}</span></span>
    </button>
    ${open && html`<div class="menu" id="account">
      <p class="menu-who"><strong>${identity.username}</strong>${role && html` <span class="tag">${t(`role.${role}`)}</span>`}</p>
      <p class="hint">${identity.organization_id} / ${identity.application_id} / ${identity.client_id}</p>
      ${usage && html`<div class="usage"><span>${t('usage.label')}</span><span class="hint">${usage.bytes_quota ? t('usage.of', {used, quota: format.bytes(usage.bytes_quota)}) : t('usage.used', {used})}</span>
        ${usage.bytes_quota && html`<meter min="0" max=${usage.bytes_quota} high=${usage.bytes_quota * 0.9} value=${usage.bytes_used} aria-label=${t('usage.label')}></meter>`}</div>`}
      <${Choice} label=${t('language.label')} values=${LANGUAGES} current=${language} text=${(value) => createTranslate(value)('language')} onChange=${(value) => settings.change('language', value)} />
      <${Choice} label=${t('theme.label')} values=${THEMES} current=${theme} text=${(value) => t(`theme.${value}`)} onChange=${(value) => settings.change('theme', value)} />
      ${features.keys && role === 'leader' && html`<a href=${formatRoute(['keys'])} onClick=${() => setOpen(false)}>${t('keys.title')}</a>`}
      ${features.documented && html`<a href="docs">${t('menu.docs')}</a>`}
      <button type="button" class="button wide" onClick=${() => session.signOut()}>${t('sign_in.out')}</button>
    </div>`}
  </div>`;
}
