// How a job came to its end by several attempts: when each ran, and why it was over.
import {html} from '../dom.js';
import {attemptsOf} from '../state/attempts.js';
import {parseTime} from '../text/format.js';
import {explainReason} from '../text/translate.js';
import {useApp} from './context.js';
import {Badge, Time} from './parts.js';

export function Attempts({job, now}) {
  const {t, format, language} = useApp();
  const rows = attemptsOf(job);
  if (rows.length === 0) return null;
  return html`<section class="attempts" aria-labelledby="attempts"><h2 id="attempts">${t('job.attempts')}</h2>
    <ol>${rows.map(({number, reason, started, ended}) => {
      const [from, to] = [parseTime(started), parseTime(ended)];
      return html`<li key=${number}><span class="attempt-name">${t('job.attempt_name', {count: format.number(number)})}</span>
        <span class="attempt-why">${reason ? html`<span class="code tag">${reason}</span> <span>${explainReason(language, reason)?.cause}</span>` : html`<${Badge} state=${job.job_status} />`}</span>
        <span class="attempt-time"><${Time} at=${from} now=${now} />${from !== null && html`<span class="hint">${t('job.ran', {time: format.duration((to ?? now) - from)})}</span>`}</span></li>`;
    })}</ol></section>`;
}
