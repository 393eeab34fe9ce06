// One param: a label, a control of its kind, what it is for, and what is wrong with it. Groups, lists and variants are in groups.js.
import {html, useEffect, useState} from '../../dom.js';
import {beginning, describe, pointerOf} from '../../form/schema.js';
import {sameValue, shownValue, textOf, typedNumber, valueAt} from '../../form/value.js';
import {parseJson} from '../../preview/json.js';
import {useApp} from '../context.js';
import {Group, List, Variant} from './groups.js';

export const idOf = (path) => `param${pointerOf(path).replace(/[^\w/-]/g, (one) => `_${one.codePointAt(0)}_`)}`;

const isOwn = (object, name) => Object.hasOwn(object, name);

// place: the number of an item in a list. form: {root, value, inherited, errors, edit(path, value), hold(pointer, yes), comma}. schema: that of the place. tools: buttons beside
// the label.
export function Field({form, path, name, place, schema, required = false, tools}) {
  const about = describe(form.root, schema, path.length);
  const value = valueAt(form.value, path);
  const part = {form, path, name, about, value, required, tools, id: idOf(path), label: place ? `${about.title ?? name} ${place}` : about.title ?? name};
  if (value === null && about.nullable && !['choice', 'boolean'].includes(about.kind)) return html`<${Nothing} ...${part} />`;
  if (about.kind === 'object') return html`<${Group} ...${part} />`;
  if (about.kind === 'list') return html`<${List} ...${part} />`;
  if (about.kind === 'variant') return html`<${Variant} ...${part} />`;
  if (about.kind === 'set') return html`<${Marks} ...${part} />`;
  const Control = {text: Text, number: NumberField, boolean: Choice, choice: Choice, const: Fixed}[about.kind] ?? Json;
  return html`<${Frame} ...${part}>${(described) => html`<${Control} ...${part} described=${described} />`}<//>`;
}

// What stands around a control. children(described): the ids of hint and error, and whether there is one.
function Frame({form, path, name, about, value, required, tools, id, label, children}) {
  const errors = form.errors.at(path, about.kind === 'json');
  const hint = [about.description, useLimits(about)].filter(Boolean);
  const described = {ids: [hint.length && `${id}-hint`, errors.length && `${id}-error`].filter(Boolean).join(' ') || undefined, invalid: errors.length ? 'true' : undefined};
  return html`<div class="field">
    <div class="field-head"><label for=${id}>${label}</label><${Marked} path=${path} label=${label} required=${required} /><span class="grow"></span>${tools}<${NullButton} form=${form} path=${path} about=${about} value=${value} id=${id} /></div>
    ${children(described)}
    ${hint.length > 0 && html`<p class="hint" id=${`${id}-hint`}>${hint.map((text) => html`<span dir="auto">${text} </span>`)}</p>`}
    ${errors.length > 0 && html`<p class="field-error" id=${`${id}-error`}>${errors.join(' ')}</p>`}</div>`;
}

// The name in the JSON where the label is another text, and whether it is required.
export function Marked({path, label, required}) {
  const {t} = useApp();
  const name = path.at(-1);
  return html`${label !== name && typeof name === 'string' && html`<span class="code hint">${name}</span>`}${required && html`<span class="tag">${t('form.required_mark')}</span>`}`;
}

// To and from null the element with the id of the param is another one, which gets the focus.
const focusOn = (id) => requestAnimationFrame(() => {
  const place = document.getElementById(id);
  (place?.matches('fieldset') ? place.querySelector('.form-fields :is(input, select, textarea), .add-item, input, select') ?? place : place)?.focus();
});

function NullButton({form, path, about, value, id}) {
  const {t} = useApp();
  if (!about.nullable || value === null || ['choice', 'boolean'].includes(about.kind)) return null;
  return html`<button type="button" class="button small quiet" onClick=${() => (form.edit(path, null), focusOn(id))}>${t('form.make_null')}</button>`;
}

function Nothing({form, path, name, about, required, tools, id, label}) {
  const {t} = useApp();
  const unset = () => {
    form.edit(path, required || typeof path.at(-1) === 'number' ? beginning(form.root, about.schema, path.length) : undefined);
    focusOn(id);
  };
  return html`<div class="field"><div class="field-head"><span class="label" id=${`${id}-label`}>${label}</span><${Marked} path=${path} label=${label} required=${required} /><span class="grow"></span>${tools}</div>
    <div class="bar-row nothing"><span class="hint">${t('form.is_null')}</span><button type="button" class="button small" id=${id} aria-describedby=${`${id}-label`} onClick=${unset}>${t('form.give_value')}</button></div></div>`;
}

// The limits of a value in words: "0 to 1".
function useLimits({kind, schema}) {
  const {t, format} = useApp();
  const number = (value) => (typeof value === 'number' ? format.exactNumber(value) : undefined);
  if (kind === 'number') {
    const least = number(schema.minimum ?? schema.exclusiveMinimum);
    const most = number(schema.maximum ?? schema.exclusiveMaximum);
    const range = least !== undefined && most !== undefined ? t('form.from_to', {least, most}) : least !== undefined ? t('form.at_least', {least}) : most !== undefined ? t('form.at_most', {most}) : '';
    return [range, typeof schema.multipleOf === 'number' && schema.multipleOf !== 1 && t('form.in_steps', {step: number(schema.multipleOf)})].filter(Boolean).join(' ');
  }
  if (kind === 'text' && typeof schema.maxLength === 'number' && schema.maxLength < 10_000) return t('form.most_characters', {count: format.number(schema.maxLength)});
  return '';
}

// What an empty field stands for.
export function useAbsent(form, path, {schema, options}, required) {
  const {t} = useApp();
  const inherited = valueAt(form.inherited, path);
  if (inherited !== undefined) return t('form.from_repository', {value: shortOf(inherited, options, t)});
  if (isOwn(schema, 'default') && schema.default !== '') return t('form.default', {value: shortOf(schema.default, options, t)});
  return required ? t('form.choose') : t('form.not_set');
}

function shortOf(value, options, t) {
  if (typeof value === 'boolean') return t(value ? 'form.yes' : 'form.no');
  const text = options?.find((option) => sameValue(option.value, value))?.label ?? shownValue(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

// An empty field leaves the param out; an item of a list stays, as an empty text.
const given = (path, value) => (value === undefined || value === '' ? (typeof path.at(-1) === 'number' ? '' : undefined) : value);

function Text({form, path, about, value, required, id, described}) {
  const absent = useAbsent(form, path, about, false);
  const {t} = useApp();
  const shown = shownValue(value);
  const many = shown.includes('\n') || String(about.schema.default ?? '').includes('\n') || about.schema.maxLength > 200;
  const common = {id, value: shown, placeholder: absent === t('form.not_set') ? undefined : absent, 'aria-required': required ? 'true' : undefined, 'aria-invalid': described.invalid,
    'aria-describedby': described.ids, spellcheck: false, dir: 'auto', onInput: (event) => form.edit(path, given(path, event.target.value))};
  if (many) return html`<textarea rows="4" ...${common}></textarea>`;
  return html`<input type=${about.schema.format === 'date' && (shown === '' || /^\d{4}-\d\d-\d\d$/.test(shown)) ? 'date' : 'text'} ...${common} />`;
}

function NumberField({form, path, about, value, required, id, described}) {
  const {t} = useApp();
  const absent = useAbsent(form, path, about, false);
  return html`<input id=${id} class="number-input" inputmode="decimal" autocomplete="off" value=${shownValue(value)} placeholder=${absent === t('form.not_set') ? undefined : absent}
    aria-required=${required ? 'true' : undefined} aria-invalid=${described.invalid} aria-describedby=${described.ids} onInput=${(event) => form.edit(path, given(path, typedNumber(event.target.value, form.comma)))} />`;
}

function Choice({form, path, about, value, required, id, described}) {
  const {t} = useApp();
  const absent = useAbsent(form, path, about, required);
  const options = about.kind === 'boolean' ? [{value: true, label: t('form.yes')}, {value: false, label: t('form.no')}] : about.options;
  const all = about.nullable && !options.some((option) => option.value === null) ? [...options, {value: null, label: t('form.null')}] : options;
  const at = value === undefined ? -1 : all.findIndex((option) => textOf(option.value, '') === textOf(value, ''));
  const item = typeof path.at(-1) === 'number';
  return html`<select id=${id} value=${value === undefined ? '' : at < 0 ? 'other' : String(at)} aria-required=${required ? 'true' : undefined} aria-invalid=${described.invalid} aria-describedby=${described.ids}
    onChange=${(event) => event.target.value !== 'other' && form.edit(path, event.target.value === '' ? undefined : all[Number(event.target.value)].value)}>
    ${!item && html`<option value="">${absent}</option>`}
    ${value !== undefined && at < 0 && html`<option value="other">${shownValue(value)}</option>`}
    ${all.map((option, index) => html`<option key=${index} value=${String(index)}>${option.label}</option>`)}</select>`;
}

// A value that the schema fixes.
function Fixed({form, path, about, value, id, described}) {
  const {t} = useApp();
  const set = value !== undefined;
  return html`<div class="bar-row nothing"><span class="code">${shownValue(about.value)}</span>
    <button type="button" class="button small" id=${id} aria-pressed=${String(set)} aria-describedby=${described.ids} onClick=${() => form.edit(path, set ? undefined : about.value)}>${t(set ? 'form.leave_out' : 'form.add')}</button></div>`;
}

// Several of few values.
function Marks({form, path, name, about, value, required, tools, id, label}) {
  const chosen = Array.isArray(value) ? value : [];
  const errors = form.errors.at(path, true);
  const has = (option) => chosen.some((one) => textOf(one, '') === textOf(option, ''));
  const turn = (option) => {
    const next = has(option) ? chosen.filter((one) => textOf(one, '') !== textOf(option, '')) : about.options.map((one) => one.value).filter((one) => has(one) || one === option);
    form.edit(path, next.length === 0 && !required ? undefined : next);
  };
  return html`<fieldset class="field" id=${id} tabindex="-1" aria-describedby=${errors.length ? `${id}-error` : undefined}><legend class="field-head"><span class="label">${label}</span><${Marked} path=${path} label=${label} required=${required} />${tools}</legend>
    <div class="marks">${about.options.map((option, index) => html`<label class="check" key=${index}><input type="checkbox" checked=${has(option.value)} onChange=${() => turn(option.value)} /><span>${option.label}</span></label>`)}</div>
    ${about.description && html`<p class="hint" dir="auto">${about.description}</p>`}
    ${errors.length > 0 && html`<p class="field-error" id=${`${id}-error`}>${errors.join(' ')}</p>`}</fieldset>`;
}

// What the form can't show, as JSON. A text that is no JSON stays here until it is one; the form is held meanwhile.
export function Json({form, path, value, id, labelledby, described}) {
  const {t} = useApp();
  const [draft, setDraft] = useState(null);
  const written = value === undefined ? '' : textOf(value);
  const pointer = pointerOf(path);
  const drafted = draft === null ? null : readJson(draft);
  // As it was typed, as long as that is the value.
  const fits = drafted !== null && (drafted.fault || sameValue(drafted.value, value) || (drafted.value === undefined && value === undefined));
  useEffect(() => {
    if (draft === null || drafted.fault === false && fits) return;
    setDraft(null);
    form.hold(pointer, false);
  }, [written]);
  useEffect(() => () => form.hold(pointer, false), [pointer]);
  const type = (text) => {
    setDraft(text);
    const read = readJson(text);
    form.hold(pointer, read.fault);
    if (!read.fault) form.edit(path, given(path, read.value));
  };
  const shown = fits ? draft : written;
  const fault = fits && drafted.fault;
  return html`<textarea id=${id} class="code" rows=${Math.min(10, Math.max(2, shown.split('\n').length))} spellcheck=${false} value=${shown} aria-invalid=${fault ? 'true' : described?.invalid}
      aria-labelledby=${labelledby} aria-describedby=${described?.ids} onInput=${(event) => type(event.target.value)}></textarea>
    <p class=${fault ? 'field-error' : 'hint'} role=${fault ? 'status' : undefined}>${t(fault ? 'form.no_json' : 'form.as_json')}</p>`;
}

function readJson(text) {
  if (text.trim() === '') return {value: undefined, fault: false};
  try {
    return {value: parseJson(text), fault: false};
  } catch {
    return {fault: true};
  }
}
