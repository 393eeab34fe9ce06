import {text as en} from './en.js';
import {text as pt} from './pt.js';
import {reasons as reasonsEn} from './reasons_en.js';
import {reasons as reasonsPt} from './reasons_pt.js';

const TEXTS = {en, pt};
const REASONS = {en: reasonsEn, pt: reasonsPt};

// t('jobs.count', {count: '3'}). A text with the ending .one is for the count 1; both languages have these two forms. A key
// that does not exist is shown as it is.
export function createTranslate(language) {
  const texts = TEXTS[language] ?? en;
  return (key, values = {}) =>
    ((String(values.count) === '1' && texts[`${key}.one`]) || (texts[key] ?? en[key] ?? key)).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// {cause, remedy} in words, or null for a word of the kubelet or the node.
export function explainReason(language, reason) {
  const table = REASONS[language] ?? reasonsEn;
  if (!Object.hasOwn(table, reason ?? '')) return null;
  const [cause, remedy] = table[reason];
  return {cause, remedy};
}
