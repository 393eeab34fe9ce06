// Keeps the view of a new job while other views are shown, as state/draft.js says. Before the whole page is left the browser asks.
import {html, useEffect, useRef, useState} from '../../dom.js';
import {noDraft} from '../../state/draft.js';
import {formatRoute} from '../../state/route.js';
import {useApp, useStore} from '../context.js';
import {SubmitView} from './submit.js';

// query: of the address of the new job; null while another view is shown.
export function KeptSubmit({query}) {
  const {draft} = useApp();
  const {busy, dirty} = useStore(draft);
  const last = useRef(null);
  const [round, setRound] = useState(0);
  const wanted = query && {repository: query.repository ?? '', job: query.job ?? ''};
  // While something is being sent there is no second form.
  if (wanted ? !(busy && last.current) : !busy && !dirty) last.current = wanted;
  useEffect(() => {
    if (!busy && !dirty) return undefined;
    const ask = (event) => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [busy, dirty]);
  useEffect(() => () => draft.set(noDraft), []);  // signed out
  const shown = query !== null;
  useEffect(() => {
    if (shown) draft.set((before) => (before.told ? {...before, told: ''} : before));
  }, [shown]);
  const kept = last.current;
  const clear = () => {
    draft.set(noDraft);
    setRound(round + 1);
    requestAnimationFrame(() => document.getElementById('name')?.focus());
  };
  return kept && html`<div hidden=${!shown}><${SubmitView} key=${JSON.stringify([kept, round])} ...${kept} clear=${clear} /></div>`;
}

// Says in other views that a job is being sent, or how that ended.
export function DraftNote({shown}) {
  const {t, draft} = useApp();
  const {busy, told, place} = useStore(draft);
  const words = shown ? '' : busy ? 'submit.under_way' : told === 'made' ? 'submit.made' : told === 'failed' ? 'submit.not_made' : '';
  const forget = () => draft.set((before) => ({...before, told: ''}));
  return html`<div class="under-way" role="status">${words && html`<p>${t(words)} <a href=${told === 'made' && !busy ? place : formatRoute(['submit'])} onClick=${forget}>${t('submit.look')}</a></p>`}</div>`;
}
