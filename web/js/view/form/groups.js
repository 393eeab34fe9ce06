// Params that have params in them: groups of named ones, lists, and variants.
import {html, useRef, useState} from '../../dom.js';
import {beginning, pointerOf} from '../../form/schema.js';
import {meantBranch} from '../../form/validate.js';
import {isNode} from '../../preview/json.js';
import {moved} from '../../form/value.js';
import {useApp} from '../context.js';
import {Field, Json, Marked, useAbsent} from './field.js';

function Errors({form, path, id}) {
  const errors = form.errors.at(path, false);
  return errors.length > 0 && html`<p class="field-error" id=${`${id}-error`}>${errors.join(' ')}</p>`;
}

function Head({part, children}) {
  const {about, required, tools, label, id} = part;
  return html`<legend class="field-head"><span class="label" id=${`${id}-label`}>${label}</span><${Marked} path=${part.path} label=${label} required=${required} />${tools}${children}</legend>
    ${about.description && html`<p class="hint" dir="auto">${about.description}</p>`}`;
}

// After a change by which the button that has the focus goes: the focus is on what stands there then.
const focusIn = (id, selector) => requestAnimationFrame(() => document.getElementById(id)?.querySelector(selector)?.focus());
const FIRST = ':scope > .form-fields :is(input, select, textarea, button), :scope > select, :scope > .add-item, :scope > textarea';

// A part that is not there, with a button that adds it.
function Absent({part}) {
  const {t} = useApp();
  const {form, path, about, id, required} = part;
  const stands = useAbsent(form, path, about, false);
  const add = () => {
    form.edit(path, beginning(form.root, about.schema, path.length));
    focusIn(id, FIRST);
  };
  return html`<fieldset class="group" id=${id} tabindex="-1"><${Head} part=${part} />
    <div class="bar-row nothing"><span class="hint">${stands}</span><button type="button" class="button small" aria-describedby=${`${id}-label`} onClick=${add}>${t('form.add')}</button></div>
    ${required && html`<${Errors} form=${form} path=${path} id=${id} />`}</fieldset>`;
}

function Remove({part}) {
  const {t} = useApp();
  const {form, path, required, id} = part;
  if (required || typeof path.at(-1) === 'number') return null;
  const remove = () => {
    form.edit(path, undefined);
    focusIn(id, ':scope > .nothing button');
  };
  return html`<button type="button" class="button small quiet" aria-describedby=${`${id}-label`} onClick=${remove}>${t('form.remove')}</button>`;
}

const isGroup = (value) => isNode(value) && !Array.isArray(value);

export function Group(part) {
  const {form, path, about, value, required, id} = part;
  if (value === undefined && !required) return html`<${Absent} part=${part} />`;
  // Something else than the schema wants stands there: it is shown as it is.
  if (value !== undefined && !isGroup(value)) return html`<fieldset class="group" id=${id} tabindex="-1"><${Head} part=${part}><${Remove} part=${part} /><//><${Json} form=${form} path=${path} value=${value} id=${`${id}-json`} labelledby=${`${id}-label`} /><${Errors} form=${form} path=${path} id=${id} /></fieldset>`;
  return html`<fieldset class="group" id=${id} tabindex="-1"><${Head} part=${part}><${Remove} part=${part} /><//>
    <${Members} form=${form} path=${path} about=${about} value=${value ?? {}} />
    <${Errors} form=${form} path=${path} id=${id} /></fieldset>`;
}

// The fields of an object, and further members as JSON.
export function Members({form, path, about, value}) {
  const known = new Set(about.fields.map(({name}) => name));
  const others = Object.keys(value).filter((name) => !known.has(name));
  return html`<div class="form-fields">${about.fields.map((field) => html`<${Field} key=${field.name} form=${form} path=${[...path, field.name]} name=${field.name} schema=${field.schema} required=${field.required} />`)}
    ${others.map((name) => html`<${Further} key=${`further ${name}`} form=${form} path=${[...path, name]} name=${name} schema=${about.schema.additionalProperties} />`)}
    ${about.open && html`<${AddMember} form=${form} path=${path} value=${value} schema=${about.schema.additionalProperties} />`}</div>`;
}

function Further({form, path, name, schema}) {
  const {t} = useApp();
  const tools = html`<button type="button" class="button small quiet" onClick=${() => form.edit(path, undefined)}>${t('form.remove')}</button>`;
  return html`<${Field} form=${form} path=${path} name=${name} schema=${isGroup(schema) ? schema : {}} tools=${tools} />`;
}

function AddMember({form, path, value, schema}) {
  const {t} = useApp();
  const [name, setName] = useState('');
  const id = `${pointerOf(path)}/+`;
  const taken = Object.hasOwn(value, name);
  const add = () => {
    form.edit([...path, name], isGroup(schema) ? beginning(form.root, schema, path.length) : '');
    setName('');
  };
  return html`<div class="bar-row nothing"><input class="short" aria-label=${t('form.new_name')} placeholder=${t('form.new_name')} id=${id} value=${name} onInput=${(event) => setName(event.target.value)}
      onKeyDown=${(event) => event.key === 'Enter' && (event.preventDefault(), name && !taken && add())} />
    <button type="button" class="button small" disabled=${!name || taken} onClick=${add}>${t('form.add')}</button></div>`;
}

export function List(part) {
  const {t, format} = useApp();
  const {form, path, about, value, required, id, label} = part;
  const box = useRef(null);
  const [said, setSaid] = useState('');
  if (value === undefined && !required) return html`<${Absent} part=${part} />`;
  if (value !== undefined && !Array.isArray(value)) return html`<fieldset class="group" id=${id} tabindex="-1"><${Head} part=${part}><${Remove} part=${part} /><//><${Json} form=${form} path=${path} value=${value} id=${`${id}-json`} labelledby=${`${id}-label`} /><${Errors} form=${form} path=${path} id=${id} /></fieldset>`;
  const items = value ?? [];
  // The focus follows what was moved, and stays in the list when an item goes.
  const focus = (index, way) => requestAnimationFrame(() => {
    const row = box.current?.querySelector(`:scope > ol > li:nth-child(${index + 1})`);
    const button = row?.querySelector(`:scope > .item-tools > [data-way="${way}"]`);
    (button && !button.disabled ? button : row?.querySelector('.item-tools > button:not(:disabled)') ?? box.current?.querySelector(':scope > .add-item'))?.focus();
  });
  const move = (from, to, way) => {
    form.edit(path, moved(items, from, to));
    setSaid(t('form.moved', {place: format.number(to + 1), count: format.number(items.length)}));
    focus(to, way);
  };
  const remove = (index) => {
    form.edit(path, items.filter((_, at) => at !== index));
    setSaid(t('form.removed', {count: format.number(items.length - 1)}));
    focus(Math.max(0, index - 1), 'remove');
  };
  const add = () => {
    form.edit(path, [...items, beginning(form.root, about.items, path.length + 1)]);
    setSaid(t('form.added', {count: format.number(items.length + 1)}));
    requestAnimationFrame(() => box.current?.querySelector(':scope > ol > li:last-child :is(input, select, textarea)')?.focus());
  };
  return html`<fieldset class="group" id=${id} tabindex="-1" ref=${box}><${Head} part=${part}><${Remove} part=${part} /><//>
    <p class="unseen" role="status" aria-live="polite">${said}</p>
    <ol class="items">${items.slice(0, 200).map((_, index) => html`<li key=${index}><${Field} form=${form} path=${[...path, index]} name=${label} place=${index + 1} schema=${about.items} />
      <div class="item-tools"><button type="button" class="button small quiet" data-way="up" disabled=${index === 0} aria-label=${t('form.up', {place: index + 1})} onClick=${() => move(index, index - 1, 'up')}>↑</button>
        <button type="button" class="button small quiet" data-way="down" disabled=${index === items.length - 1} aria-label=${t('form.down', {place: index + 1})} onClick=${() => move(index, index + 1, 'down')}>↓</button>
        <button type="button" class="button small quiet" data-way="remove" aria-label=${t('form.remove_item', {place: index + 1})} onClick=${() => remove(index)}>×</button></div></li>`)}</ol>
    ${items.length > 200 && html`<p class="hint">${t('form.more_items', {count: format.number(items.length - 200)})}</p>`}
    <button type="button" class="button small add-item" disabled=${items.length >= about.schema.maxItems} aria-describedby=${`${id}-label`} onClick=${add}>${t('form.add_item')}</button>
    <${Errors} form=${form} path=${path} id=${id} /></fieldset>`;
}

export function Variant(part) {
  const {t} = useApp();
  const {form, path, about, value, required, id} = part;
  const [chosen, setChosen] = useState(-1);
  if (value === undefined && !required) return html`<${Absent} part=${part} />`;
  const meant = value === undefined ? -1 : meantBranch(form.root, about.branches, value);
  const at = meant < 0 ? chosen : meant;
  const choose = (index) => {
    setChosen(index);
    form.edit(path, beginning(form.root, about.branches[index], path.length + 1));
  };
  return html`<fieldset class="group" id=${id} tabindex="-1"><${Head} part=${part}><${Remove} part=${part} /><//>
    <select aria-labelledby=${`${id}-label`} value=${String(at)} onChange=${(event) => event.target.value !== '-1' && choose(Number(event.target.value))}>
      ${at < 0 && html`<option value="-1">${t('form.choose')}</option>`}
      ${about.branches.map((branch, index) => html`<option key=${index} value=${String(index)}>${branch.title ?? t('form.variant', {place: index + 1})}</option>`)}</select>
    ${at >= 0 ? html`<${Branch} part=${part} schema=${about.branches[at]} />` : value !== undefined && html`<${Json} form=${form} path=${path} value=${value} id=${`${id}-json`} labelledby=${`${id}-label`} />`}
    <${Errors} form=${form} path=${path} id=${id} /></fieldset>`;
}

// The fields of the branch without a second frame and label.
function Branch({part, schema}) {
  const {form, path, name, value} = part;
  const about = form.describe(schema, path.length + 1);
  if (about.kind === 'object' && (value === undefined || isGroup(value))) return html`${about.description && html`<p class="hint" dir="auto">${about.description}</p>`}<${Members} form=${form} path=${path} about=${about} value=${value ?? {}} />`;
  return html`<${Field} form=${{...form, errors: form.errors}} path=${path} name=${name} schema=${schema} required=${true} />`;
}
