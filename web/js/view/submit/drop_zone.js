// Files for a job: dropped, or chosen.
import {html, useRef, useState} from '../../dom.js';
import {droppedFiles} from '../dropped.js';
import {useApp} from '../context.js';

export function DropZone({files, set, hint}) {
  const {t, format} = useApp();
  const [over, setOver] = useState(false);
  const [unreadable, setUnreadable] = useState(false);
  const pickFiles = useRef(null);
  const pickFolder = useRef(null);
  const drop = async (event) => {
    event.preventDefault();
    setOver(false);
    try {
      const found = await droppedFiles(event.dataTransfer);
      setUnreadable(false);
      set({files: found});
    } catch {
      setUnreadable(true);
    }
  };
  const picked = (event) => {
    // Of a chosen folder the names below it, as an input has them.
    const list = [...event.target.files].map((file) => ({name: file.webkitRelativePath.replace(/^[^/]*\//, '') || file.name, file}));
    if (list.length) set({files: list});
    event.target.value = '';
  };
  const size = files.reduce((sum, {file}) => sum + file.size, 0);
  return html`<div class="field" role="group" aria-labelledby="files-label"><span class="label" id="files-label">${t('submit.files')}</span>
    <div class=${`drop ${over ? 'over' : ''}`} onDragOver=${(event) => (event.preventDefault(), setOver(true))} onDragLeave=${() => setOver(false)} onDrop=${drop}>
      ${files.length === 0 ? html`<p>${t('submit.drop')}</p>` : html`<ul class="chosen">${files.slice(0, 5).map(({name, file}) => html`<li key=${name}><span dir="auto">${name}</span><span class="hint">${format.bytes(file.size)}</span></li>`)}</ul>
        <p class="hint" role="status">${t('submit.chosen', {count: format.number(files.length), size: format.bytes(size)})}</p>`}
      <div class="drop-actions"><button type="button" class="button small" onClick=${() => pickFiles.current.click()}>${t('submit.pick_files')}</button>
        <button type="button" class="button small" onClick=${() => pickFolder.current.click()}>${t('submit.pick_folder')}</button>
        ${files.length > 0 && html`<button type="button" class="button small quiet" onClick=${() => set({files: []})}>${t('submit.remove')}</button>`}</div>
      <input type="file" multiple hidden ref=${pickFiles} onChange=${picked} /><input type="file" webkitdirectory hidden ref=${pickFolder} onChange=${picked} />
    </div>${unreadable && html`<p class="field-error" role="alert">${t('submit.unreadable')}</p>`}<p class="hint">${hint}</p></div>`;
}
