import {texts} from './texts.js';
import {reasons as reasonsEn} from './reasons_en.js';
import {reasons as reasonsPt} from './reasons_pt.js';

const REASONS = {en: reasonsEn, pt: reasonsPt};

// t('jobs.count', {count: '3'}). A text with the ending .one is for the count 1; both languages have these two forms. A key
// that does not exist is shown as it is.
export function createTranslate(language) {
  const own = texts[language] ?? texts.en;
  return (key, values = {}) =>
    ((String(values.count) === '1' && own[`${key}.one`]) || (own[key] ?? texts.en[key] ?? key)).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// {cause, remedy} in words, or null for a word of the kubelet or the node.
export function explainReason(language, reason) {
  const table = REASONS[language] ?? reasonsEn;
  if (!Object.hasOwn(table, reason ?? '')) return null;
  const [cause, remedy] = table[reason];
  return {cause, remedy};
}
