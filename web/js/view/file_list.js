// Files as folders that open and close, by the keys of the ARIA pattern for trees: one stop for the tab key, however many there are.
import {html, useLayoutEffect, useMemo, useRef, useState} from '../dom.js';
import {folderTree, foldersOf, foundRows, treeRows} from '../preview/folder.js';
import {useApp} from './context.js';

const ALL_OPEN = 30;  // so many files are shown at once; of more, folders are closed at first
const SEARCHED = 20;  // above that there is a search
const LISTED = 500;

export function FileList({files, chosen, onChoose}) {
  const {t, format} = useApp();
  const [open, setOpen] = useState(() => new Set((files.length <= ALL_OPEN ? files : [chosen]).flatMap(({name}) => foldersOf(name))));
  const [wanted, setWanted] = useState('');
  const [shown, setShown] = useState(LISTED);
  const [at, setAt] = useState(chosen.name);  // the path of the row that the tab key comes to
  const tree = useMemo(() => folderTree(files), [files]);
  const all = useMemo(() => (wanted ? foundRows(files, wanted) : treeRows(tree, open)), [files, tree, open, wanted]);
  const rows = all.slice(0, shown);
  const stop = rows.some(({path}) => path === at) ? at : rows[0]?.path;
  const list = useRef(null);
  const moves = useRef(false);
  // At once: the next key may come before the page is drawn.
  useLayoutEffect(() => {
    if (moves.current) list.current.querySelector('[tabindex="0"]')?.focus();
    moves.current = false;
  }, [at, open]);

  const turn = (folder, yes) => setOpen((before) => {
    const next = new Set(before);
    if (yes) next.add(folder);
    else next.delete(folder);
    return next;
  });
  const press = (row) => {
    setAt(row.path);
    if (row.file) onChoose(row.file);
    else turn(row.folder, !row.open);
  };
  const move = (event) => {
    const index = rows.findIndex(({path}) => path === stop);
    const row = rows[index];
    let target = {ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: rows.length - 1}[event.key];
    if (event.key === 'ArrowRight' && row.folder !== undefined) {
      if (row.open) target = index + 1;
      else turn(row.folder, true);
    } else if (event.key === 'ArrowLeft') {
      if (row.open) turn(row.folder, false);
      else if (row.depth > 0) target = rows.findLastIndex(({depth}, place) => place < index && depth < row.depth);
    } else if (target === undefined) return;
    event.preventDefault();
    moves.current = true;
    if (rows[target]) setAt(rows[target].path);
  };
  return html`${files.length > SEARCHED && html`<input class="search" type="search" value=${wanted} placeholder=${t('file.search')} aria-label=${t('file.search')} onInput=${(event) => setWanted(event.target.value)} />`}
    <ul role="tree" aria-label=${t('file.list')} ref=${list} onKeyDown=${move}>${rows.map((row) => html`<li role="none" key=${row.path}><button type="button" role="treeitem" aria-level=${row.depth + 1}
      aria-expanded=${row.file ? undefined : String(row.open)} aria-selected=${String(row.file === chosen)} tabindex=${row.path === stop ? 0 : -1} style=${{paddingLeft: `${10 + 18 * Math.min(row.depth, 8)}px`}} onClick=${() => press(row)}>
      <span class="file-name" dir="auto">${row.label}</span><span class="hint">${row.file ? format.bytes(row.file.bytes) : t('repositories.files', {count: format.number(row.count)})}</span></button></li>`)}</ul>
    ${wanted && all.length === 0 && html`<p class="hint" role="status">${t('file.none_found')}</p>`}
    ${all.length > shown && html`<button type="button" class="button small" onClick=${() => setShown(shown + LISTED)}>${t('tree.more', {count: format.number(all.length - shown)})}</button>`}`;
}
