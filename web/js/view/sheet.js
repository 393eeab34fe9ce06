// A table of many rows in a box that scrolls: only the rows in sight are in the document.
import {html, useEffect, useRef, useState} from '../dom.js';
import {visibleRows} from '../state/job_list.js';

const ROW = 28;

// heads: the content of the column heads; numbers: which columns are flush right; sorts: aria-sort of columns; count: rows; cell(row,
// column): content; keyOf(row). numbered: whether a first column counts the rows.
export function Sheet({heads, numbers, sorts = [], count, cell, keyOf = (row) => row, titleOf = () => undefined, label, numbered = false}) {
  const [view, setView] = useState({top: 0, height: 560});
  const box = useRef(null);
  // Another table may be shorter than where the box was scrolled to.
  useEffect(() => setView({top: box.current.scrollTop, height: box.current.clientHeight || 560}), [count, heads.length]);
  const {first, end} = visibleRows(count, ROW, view.top, view.height);
  const rows = Array.from({length: Math.max(0, end - first)}, (_, index) => first + index);
  return html`<div class="sheet" ref=${box} tabindex="0" role="region" aria-label=${label} onScroll=${({target}) => setView({top: target.scrollTop, height: target.clientHeight})}>
    <table aria-rowcount=${count + 1}><thead><tr aria-rowindex="1">${numbered && html`<th class="row-number" scope="col"><span class="unseen">#</span></th>`}${heads.map((head, column) => html`<th key=${column} scope="col" class=${numbers[column] ? 'number' : ''} aria-sort=${sorts[column]} dir="auto">${head}</th>`)}</tr></thead>
      <tbody>${first > 0 && html`<tr key="before" aria-hidden="true" style=${{height: `${first * ROW}px`}}></tr>`}
        ${rows.map((row) => html`<tr key=${keyOf(row)} aria-rowindex=${row + 2}>${numbered && html`<td class="row-number">${row + 1}</td>`}${heads.map((_, column) => html`<td key=${column} class=${numbers[column] ? 'number' : ''} dir="auto" title=${titleOf(row, column)}>${cell(row, column)}</td>`)}</tr>`)}
        ${end < count && html`<tr key="after" aria-hidden="true" style=${{height: `${(count - end) * ROW}px`}}></tr>`}</tbody></table></div>`;
}
