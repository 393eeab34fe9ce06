// How far the sending is. An upload that is resumable can be paused.
import {html} from '../../dom.js';
import {useApp} from '../context.js';

export function Progress({work}) {
  const {t, format} = useApp();
  const {step, done, all, state, reason, upload} = work;
  const held = state === 'paused' || state === 'key';
  const words = state === 'away' ? t('submit.upload_away') : state === 'busy' ? t('submit.upload_busy') : state === 'key' ? t('submit.upload_key') : state === 'paused' ? t('submit.upload_paused') : t(`submit.${step}`);
  return html`<div class="progress"><span role="status">${words}</span>${state === 'busy' && reason && html`<span class="hint" dir="auto" lang="en">${reason}</span>`}
    <progress max=${all || 1} value=${step === 'waiting' ? undefined : done} aria-label=${t(`submit.${step}`)}></progress>
    <div class="bar-row">${all > 0 && html`<span class="hint">${t('file.progress', {done: format.bytes(done), all: format.bytes(all)})}</span>`}
      ${upload && step === 'sending' && html`<button type="button" class="button small" onClick=${() => (held ? upload.resume() : upload.pause())}>${t(held ? 'submit.resume' : 'submit.pause')}</button>`}</div></div>`;
}
