// What is filled in as a call for a terminal and for Python, to copy.
import {html, useMemo, useState} from '../../dom.js';
import {asCurl, asPython, LONGEST_INLINE, SWEEP_FILE} from '../../api/examples.js';
import {WORTH} from '../../api/tus.js';
import {goesAlone} from '../../api/upload.js';
import {textOf} from '../../form/value.js';
import {batchBody} from '../../sweep/send.js';
import {useApp, useStore} from '../context.js';
import {saveFile} from '../files.js';
import {Copy} from '../parts.js';

const SHOWN = 12_000;  // characters

export function SameCall({fields, sweep, metadata, repository}) {
  const {t, base, session, features} = useApp();
  const {identity} = useStore(session);
  const [python, setPython] = useState(false);
  const files = fields.many && fields.existing ? [] : fields.files;
  const fileName = files.length === 0 ? '' : goesAlone(files) ? files[0].name : 'input.zip';
  const resumable = features.uploads && files.reduce((sum, {file}) => sum + file.size, 0) >= WORTH;
  const rows = useMemo(() => (fields.many ? textOf(sweep.rows, '') : null), [fields.many, sweep.rows]);
  const call = {base, identity, repository, params: fields.params.trim(), metadata, callback: fields.callback.trim(), fileName, resumable, rows};
  const text = python ? asPython(call) : asCurl(call);
  return html`<aside class="card same-call" aria-labelledby="same-call"><h2 id="same-call">${t('submit.same_call')}</h2>
    <div class="bar-row"><div class="segments" role="group" aria-labelledby="same-call"><button type="button" aria-pressed=${String(!python)} onClick=${() => setPython(false)}>curl</button><button type="button" aria-pressed=${String(python)} onClick=${() => setPython(true)}>Python</button></div><span class="grow"></span><${Copy} value=${text} /></div>
    <pre class="text" tabindex="0">${text.length > SHOWN ? `${text.slice(0, SHOWN)} …` : text}</pre><p class="hint">${t('submit.key_hint')}</p>
    ${rows && rows.length > LONGEST_INLINE && html`<p class="hint">${t('sweep.file_hint', {file: SWEEP_FILE})}</p>
      <button type="button" class="button small" onClick=${() => saveFile(new Blob([batchBody({rows: sweep.rows, metadata, callback: fields.callback.trim()})], {type: 'application/json'}), SWEEP_FILE)}>${t('sweep.save', {file: SWEEP_FILE})}</button>`}</aside>`;
}
