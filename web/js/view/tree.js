// JSON as a tree. What is closed is not in the document, and of long lists only a part.
import {html, useMemo, useState} from '../dom.js';
import {indentJson, isNode, parseJson, WrittenNumber} from '../preview/json.js';
import {useApp} from './context.js';
import {Copy} from './parts.js';

const PART = 200;
const LONGEST_TEXT = 2000;
const SHOWN = 1 << 20;  // characters of a text in one piece

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
  const copy = html`<${Copy} value=${text} />`;
  if (value === undefined) {
    return html`<div class="bar-row"><p class="hint">${t('file.damaged')}</p><span class="grow"></span>${copy}</div><${Lines} text=${text.slice(0, SHOWN)} cut=${text.length > SHOWN} />`;
  }
  return html`<div class="json">
    <div class="bar-row"><div class="segments" role="group" aria-label=${label}>
      <button type="button" aria-pressed=${String(!raw)} onClick=${() => setRaw(false)}>${t('job.tree')}</button>
      <button type="button" aria-pressed=${String(raw)} onClick=${() => setRaw(true)}>${t('job.raw')}</button></div><span class="grow"></span>${copy}</div>
    ${raw ? html`<${Lines} ...${indentJson(text, SHOWN)} />` : html`<ul class="json-tree"><${Node} value=${value} depth=${0} /></ul>`}
  </div>`;
}

function Lines({text, cut}) {
  const {t, format} = useApp();
  return html`${cut && html`<p class="hint">${t('tree.cut', {count: format.number(SHOWN)})}</p>`}<pre class="text" tabindex="0">${text}</pre>`;
}
