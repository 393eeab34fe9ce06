// What few jobs need: the address of a program that is notified of what becomes of the job.
import {html, useEffect, useRef, useState} from '../../dom.js';
import {useApp} from '../context.js';

// refusal: what the server says about the address; empty if it has not refused it.
export function MoreSettings({fields, set, refusal}) {
  const {t} = useApp();
  const [open, setOpen] = useState(false);
  const input = useRef(null);
  useEffect(() => {
    if (refusal) setOpen(true);
  }, [refusal]);
  // Only what is shown can get the focus.
  useEffect(() => {
    if (refusal && open) input.current.focus();
  }, [refusal, open]);
  return html`<details class="more-settings" open=${open} onToggle=${(event) => setOpen(event.target.open)}><summary>${t('submit.more')}</summary>
    <div class="field"><label for="callback">${t('submit.callback')}</label>
      <input id="callback" ref=${input} type="url" value=${fields.callback} placeholder="https:…" spellcheck=${false} autocomplete="off" maxlength="2048" aria-invalid=${refusal ? 'true' : undefined}
        aria-describedby=${refusal ? 'callback-hint callback-error' : 'callback-hint'} onInput=${(event) => set({callback: event.target.value})} />
      ${refusal && html`<p class="field-error" id="callback-error" role="alert">${t('submit.callback_refused')} <span lang="en">${refusal}</span></p>`}
      <p class="hint" id="callback-hint">${t('submit.callback_hint')}</p></div></details>`;
}
