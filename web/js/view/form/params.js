// The form of all params. What it edits is a text of JSON; the raw text beside it is the same one.
import {html, useMemo} from '../../dom.js';
import {describe, pathOf, pointerOf} from '../../form/schema.js';
import {faultsOf} from '../../form/validate.js';
import {readParams, withValue, writeParams} from '../../form/value.js';
import {useApp} from '../context.js';
import {idOf} from './field.js';
import {Members} from './groups.js';

// Texts at the pointers they belong to. at(path, deep): those of a place; deep: and of what lies in it.
function errorsAt(list) {
  return {
    list,
    at(path, deep) {
      const pointer = pointerOf(path);
      // Those of a batch are of one of its jobs, not of the form.
      return list.filter((error) => error.index === undefined && (error.pointer === pointer || (deep && error.pointer.startsWith(`${pointer}/`)))).map(({text}) => text);
    },
  };
}

// What is wrong with the params: by the schema, and by what the server said of them. all: also what is missing; before the first
// try to send, a field that is still empty is no fault. violations: of the server, as long as the params are the same.
export function useParamErrors({schema, text, inherited, all, violations}) {
  const {t} = useApp();
  return useMemo(() => {
    const said = violations.map(({message, ...place}) => ({...place, text: message}));
    if (!schema) return errorsAt(said);
    const {value} = readParams(text);
    if (value === null) return errorsAt([]);
    const own = faultsOf(schema, {...inherited, ...value}).filter(({code}) => all || code !== 'required').map(({pointer, code, values}) => ({pointer, text: t(`form.${code}`, values)}));
    const pointers = new Set(own.map(({pointer}) => pointer));
    return errorsAt([...own, ...said.filter(({pointer, index}) => index !== undefined || !pointers.has(pointer))]);
  }, [schema, text, inherited, all, violations, t]);
}

export function ParamsForm({schema, text, onText, inherited, errors, hold}) {
  const {t, format} = useApp();
  const {value, fault} = useMemo(() => readParams(text), [text]);
  const about = useMemo(() => describe(schema, schema), [schema]);
  if (fault) return html`<p class="hint" role="status">${t('form.mend_json')}</p>`;
  const form = {
    root: schema, value, inherited, errors, hold, comma: format.comma,
    describe: (part, depth) => describe(schema, part, depth),
    edit: (path, next) => onText(writeParams(withValue(value, path, next))),
  };
  return html`<${Members} form=${form} path=${[]} about=${about} value=${value} />`;
}

// Whether there is a form for the schema at all.
export const hasForm = (schema) => schema !== null && describe(schema, schema).kind === 'object' && describe(schema, schema).fields.length > 0;

// All errors in one place, each with a way to its field. anyway: sends all the same, or null.
export function ErrorSummary({errors, anyway}) {
  const {t} = useApp();
  if (errors.list.length === 0) return null;
  const go = (pointer) => {
    const path = pathOf(pointer);
    // What has no field of its own is within one further up.
    for (let length = path.length; length > 0; --length) {
      const target = document.getElementById(idOf(path.slice(0, length)));
      if (!target) continue;
      target.focus();
      target.scrollIntoView({block: 'center'});
      return;
    }
    document.getElementById('params')?.focus();
  };
  return html`<div class="error-summary" id="errors" tabindex="-1" role="alert"><p>${t('form.errors', {count: errors.list.length})}</p>
    <ul>${errors.list.slice(0, 10).map(({pointer, text, index}) => html`<li>${index !== undefined ? html`<strong>${t('sweep.row', {row: index + 1})} ${pathOf(pointer).join(' › ')}</strong>` : html`<button type="button" class="link" onClick=${() => go(pointer)}>${pathOf(pointer).join(' › ') || t('job.params')}</button>`} <span>${text}</span></li>`)}</ul>
    ${anyway && html`<button type="button" class="button small" onClick=${anyway}>${t('form.anyway')}</button>`}</div>`;
}
