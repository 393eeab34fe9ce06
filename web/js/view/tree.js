// JSON as a tree. What is closed is not in the document, and of long lists only a part.
import {html, useMemo, useState} from '../dom.js';
import {isNode, parseJson, WrittenNumber} from '../preview/json.js';
import {useApp} from './context.js';
import {Copy} from './parts.js';

const PART = 200;
const LONGEST_TEXT = 2000;

function Leaf({value}) {
  if (value instanceof WrittenNumber) return html`<span class="json-number">${value.text}</span>`;
  if (typeof value === 'string') {
    const text = JSON.stringify(value);
    return html`<span class="json-string" dir="auto">${text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)} …` : text}</span>`;
  }
  return html`<span class=${typeof value === 'number' ? 'json-number' : 'json-word'}>${String(value)}</span>`;
}

function Node({name, value, depth}) {
  const {t, format} = useApp();
  const count = isNode(value) ? Object.keys(value).length : 0;
  const [open, setOpen] = useState(depth === 0 || (depth < 3 && count <= 20));
  const [shown, setShown] = useState(PART);
  const label = name !== undefined && html`<span class="json-name" dir="auto">${name}</span>`;
  if (!isNode(value)) return html`<li>${label} <${Leaf} value=${value} /></li>`;
  const brackets = Array.isArray(value) ? '[ ]' : '{ }';
  if (count === 0) return html`<li>${label} <span class="json-word">${brackets}</span></li>`;
  const entries = Object.entries(value);
  return html`<li><button type="button" class="json-toggle" aria-expanded=${String(open)} onClick=${() => setOpen(!open)}>${label} <span class="hint">${brackets} ${t('tree.items', {count: format.number(count)})}</span></button>
    ${open && html`<ul>${entries.slice(0, shown).map(([key, child]) => html`<${Node} key=${key} name=${key} value=${child} depth=${depth + 1} />`)}
      ${count > shown && html`<li><button type="button" class="button small quiet" onClick=${() => setShown(shown + PART)}>${t('tree.more', {count: format.number(count - shown)})}</button></li>`}</ul>`}
  </li>`;
}

function parsed(text) {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

// text: JSON, as it came.
export function JsonView({text, label}) {
  const {t} = useApp();
  const [raw, setRaw] = useState(false);
  const value = useMemo(() => parsed(text), [text]);
  if (value === undefined) {
    return html`<p class="hint">${t('file.damaged')}</p><pre class="text">${text.slice(0, 1 << 20)}</pre>`;
  }
  return html`<div class="json">
    <div class="bar-row"><div class="segments" role="group" aria-label=${label}>
      <button type="button" aria-pressed=${String(!raw)} onClick=${() => setRaw(false)}>${t('job.tree')}</button>
      <button type="button" aria-pressed=${String(raw)} onClick=${() => setRaw(true)}>${t('job.raw')}</button></div><span class="grow"></span><${Copy} value=${text} /></div>
    ${raw ? html`<pre class="text" tabindex="0">${pretty(text)}</pre>` : html`<ul class="json-tree"><${Node} value=${value} depth=${0} /></ul>`}
  </div>`;
}

// Indented where that changes no number, else as it came.
function pretty(text) {
  if (text.length > 1 << 20) return text.slice(0, 1 << 20);
  const indented = JSON.stringify(JSON.parse(text), null, 2);
  return indented.replace(/\s/g, '').length === text.replace(/\s/g, '').length ? indented : text;
}
