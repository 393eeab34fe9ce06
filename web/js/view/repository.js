// One repository: its input, params and metadata, and the jobs made from it.
import {html, useRef, useState} from '../dom.js';
import {may} from '../api/features.js';
import {textOf} from '../form/value.js';
import {formatRoute} from '../state/route.js';
import {parseTime} from '../text/format.js';
import {useApp, useLoad, useStore, useTitle} from './context.js';
import {Files} from './files.js';
import {Badge, Confirm, Copy, Loaded, More, Named, Notice, Tabs, Time} from './parts.js';
import {JsonView} from './tree.js';

const TABS = ['input', 'params', 'metadata', 'jobs'];

export function RepositoryView({id}) {
  const {t, api} = useApp();
  const state = useLoad((signal) => api.repository(id, {signal}), [id]);
  useTitle(state.data ? state.data.name || t('repositories.unnamed') : t('job.repository'));
  return html`<div class="page"><p class="back"><a href="#/repositories">← ${t('repository.back')}</a></p>
    <div class="page-head"><h1 tabindex="-1" dir="auto">${state.data ? state.data.name || t('repositories.unnamed') : t('job.repository')}</h1><span class="grow"></span>${state.data && html`<${Actions} repository=${state.data} />`}</div>
    <${Loaded} state=${state}>${(repository) => html`<${Body} repository=${repository} />`}<//></div>`;
}

function Body({repository}) {
  const {t, session, clock} = useApp();
  const {role} = useStore(session);
  const [tab, setTab] = useState('input');
  const id = repository.repository_id;
  const tabs = TABS.filter((part) => part !== 'jobs' || role !== 'stakeholder');
  return html`
    <dl class="facts"><div><dt>${t('job.repository')}</dt><dd><span class="code">${id}</span> <${Copy} value=${id} /></dd></div>
      <div><dt>${t('jobs.who')}</dt><dd dir="auto">${repository.created_by}</dd></div>
      <div><dt>${t('job.created')}</dt><dd><${Time} at=${parseTime(repository.created_on)} now=${clock.now()} /></dd></div></dl>
    <${Tabs} label=${id} current=${tab} onChange=${setTab} tabs=${tabs.map((part) => ({id: part, label: part === 'params' ? t('job.params') : t(`repository.${part}`)}))} />
    <section class="panel" id="panel" role="tabpanel" aria-labelledby=${`tab-${tab}`}><${Part} key=${tab} name=${tab} repository=${repository} /></section>`;
}

function Actions({repository}) {
  const {t, session, features, api} = useApp();
  const {role} = useStore(session);
  const [asks, setAsks] = useState(false);
  const trigger = useRef(null);
  const id = repository.repository_id;
  const name = repository.name || t('repositories.unnamed');
  return html`<div class="actions"><a class="button primary" href=${formatRoute(['submit'], {repository: id})}>${t('repository.use')}</a>
    ${may(features, role, 'deleteRepository') && html`<button type="button" class="button danger-quiet" ref=${trigger} onClick=${() => setAsks(true)}>${t('repository.delete')}</button>`}
    ${asks && html`<${Confirm} title=${t('repository.delete_title')} lines=${[html`<${Named} name=${name} id=${id} />`, t('repository.delete_text')]} action=${t('repository.delete')} danger=${true}
      act=${async () => {
        await api.deleteRepository(id);
        location.hash = '#/repositories';
      }} onClose=${() => (setAsks(false), trigger.current?.focus())} />`}</div>`;
}

function Part({name, repository}) {
  const {t, api, clock} = useApp();
  const id = repository.repository_id;
  const headers = {repository_id: id};
  const state = useLoad(async (signal) => {
    if (name === 'input') return api.inputs(id, {signal});
    if (name === 'params') return api.repositoryParams(id, {signal});
    if (name === 'jobs') return api.filled(await api.jobs({}, {signal, headers}), 1, {signal, headers});
    return textOf(repository.metadata ?? {}, '');
  }, [name, id]);
  return html`<${Loaded} state=${state}>${(data) => {
    if (name === 'input') {
      if (data.length === 0) return html`<${Notice} title=${t('repository.no_input')} />`;
      return html`<${Files} files=${data} pathOf=${(file) => api.inputFile(id, file)} archive=${api.input(id)} archiveName=${`${id}-input.zip`} />`;
    }
    if (name === 'jobs') {
      if (data.items.length === 0) return html`<${Notice} title=${t('repository.no_jobs')} />`;
      return html`<div class="bar-row"><a class="button small" href=${formatRoute(['repositories', id, 'compare'])}>${t('compare.title')}</a></div><ul class="cards">${data.items.map((job) => html`<li key=${job.job_id}><a class="card-link row" href=${formatRoute(['jobs', job.job_id])}><${Badge} state=${job.job_status} /><span class="name" dir="auto">${job.name || t('jobs.unnamed')}</span><${Time} at=${parseTime(job.created_on)} now=${clock.now()} /></a></li>`)}</ul><${More} page=${data} set=${state.set} options=${{headers}} />`;
    }
    if (data.trim() === '{}') return html`<${Notice} title=${t(name === 'params' ? 'job.no_params' : 'repository.no_metadata')} />`;
    return html`<${JsonView} text=${data} label=${name} />`;
  }}<//>`;
}
