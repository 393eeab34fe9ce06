// One of the tenant's repositories.
import {html} from '../../dom.js';
import {useApp, useLoad} from '../context.js';
import {describeError, More} from '../parts.js';

export function ChooseRepository({value, gone, onChange}) {
  const {t, api} = useApp();
  const state = useLoad(async (signal) => api.filled(await api.repositories({page_size: 1000}, {signal}), 1000, {signal}), []);
  const items = state.data?.items ?? [];
  const known = items.some(({repository_id: id}) => id === value);
  return html`<div class="field"><label for="repository">${t('submit.repository')}</label>
    <select id="repository" value=${value} aria-invalid=${gone ? 'true' : undefined} aria-describedby=${gone ? 'repository-gone' : undefined} onChange=${(event) => onChange(event.target.value)}>
      <option value="">${state.data ? t('submit.choose') : t('common.loading')}</option>
      ${value && !known && html`<option value=${value}>${value}</option>`}
      ${items.map((repository) => html`<option key=${repository.repository_id} value=${repository.repository_id}>${repository.name || t('repositories.unnamed')} · ${repository.repository_id}</option>`)}
    </select>
    ${gone && html`<p class="field-error" id="repository-gone" role="alert">${t('submit.repository_gone')}</p>`}
    ${state.data && html`<${More} page=${state.data} set=${state.set} />`}
    ${state.data && items.length === 0 && html`<p class="hint">${t('submit.no_repository')}</p>`}
    ${state.error && html`<p class="field-error" role="alert">${describeError(t, state.error).title}</p>`}</div>`;
}
