// The list of repositories, newest first.
import {html} from '../dom.js';
import {formatRoute} from '../state/route.js';
import {parseTime} from '../text/format.js';
import {useApp, useLoad} from './context.js';
import {Loaded, More, Notice, Time} from './parts.js';

export function RepositoriesView() {
  const {t, api} = useApp();
  const state = useLoad(async (signal) => api.filled(await api.repositories({}, {signal}), 1, {signal}), []);
  return html`<div class="page"><div class="page-head"><h1 tabindex="-1">${t('repositories.title')}</h1></div>
    <${Loaded} state=${state}>${(page) => html`<${List} page=${page} set=${state.set} />`}<//></div>`;
}

function List({page, set}) {
  const {t, format, clock} = useApp();
  if (page.items.length === 0 && !page.next) {
    return html`<${Notice} title=${t('repositories.empty')} hint=${t('repositories.empty_hint')}><a class="button primary" href="#/submit">${t('nav.submit')}</a><//>`;
  }
  const now = clock.now();
  return html`<ul class="cards">${page.items.map((repository) => html`<li key=${repository.repository_id}><a class="card-link" href=${formatRoute(['repositories', repository.repository_id])}>
      <span class="name" dir="auto">${repository.name || t('repositories.unnamed')}</span>
      <span class="hint code">${repository.repository_id}</span>
      <span class="card-facts"><span>${t('repositories.files', {count: format.number(repository.input?.length ?? 0)})}</span><span dir="auto">${repository.created_by}</span><${Time} at=${parseTime(repository.created_on)} now=${now} /></span>
    </a></li>`)}</ul>
    <${More} page=${page} set=${set} />`;
}
