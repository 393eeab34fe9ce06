// Numbers for a plot. Pure.
import {isNode, WrittenNumber} from './json.js';

// Round values that cover [least, most], about `count` of them.
export function ticks(least, most, count = 5) {
  if (least === most) return [least];
  const rough = (most - least) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) ?? 10);
  const found = [];
  for (let at = Math.ceil(least / step - 1e-9); at * step <= most + step * 1e-9; ++at) found.push(Number((at * step).toPrecision(12)));
  return found;
}

// A function from values to pixels. Equal ends are put in the middle.
export const scale = (least, most, from, to) => (value) => (least === most ? (from + to) / 2 : from + ((value - least) / (most - least)) * (to - from));

export function extent(values) {
  let least = Infinity;
  let most = -Infinity;
  for (const value of values) {
    if (value < least) least = value;
    if (value > most) most = value;
  }
  return [least, most];
}

// Own members only, of names that every object has, too.
const put = (found, name, value) => Object.defineProperty(found, name, {value, enumerable: true, writable: true, configurable: true});
export const ownValue = (values, name) => (Object.hasOwn(values, name) ? values[name] : undefined);

const MOST_NAMES = 1000;

// The numbers, texts and words in a JSON value: {'model.aic': -2.5, …}. Of lists only those with few entries, of others their length.
export function flatten(value, prefix = '', found = {}, depth = 0) {
  if (!isNode(value)) return put(found, prefix || 'value', value);
  if (depth > 4 || Object.keys(found).length > MOST_NAMES) return found;
  const entries = Object.entries(value);
  if (Array.isArray(value) && entries.length > 8) return put(found, `${prefix || 'value'}.length`, entries.length);
  for (const [key, child] of entries) flatten(child, prefix ? `${prefix}.${key}` : key, found, depth + 1);
  return found;
}

// The columns of a comparison: what differs first, then what is the same in all rows. rows: [{params, result}]; a part that is undefined
// is not loaded, or there is none: it says nothing of what differs.
export function comparedColumns(rows) {
  const columns = [];
  for (const part of ['params', 'result']) {
    const known = rows.map((row) => row[part]).filter((values) => values !== undefined);
    for (const name of new Set(known.flatMap(Object.keys))) {
      const values = known.map((one) => ownValue(one, name));
      columns.push({part, name, differs: new Set(values.map((value) => JSON.stringify(value))).size > 1});
    }
  }
  return [...columns.filter(({differs}) => differs), ...columns.filter(({differs}) => !differs)];
}

// A number, also one that is kept as it was written, or NaN.
export const asNumber = (value) => (typeof value === 'number' ? value : value instanceof WrittenNumber ? Number(value.text) : NaN);

// A value as text. comma: decimals have a comma.
export function asText(value, comma = false) {
  if (value === undefined || value === null) return value === null ? 'null' : '';
  const text = value instanceof WrittenNumber ? value.text : String(value);
  return comma && !Number.isNaN(asNumber(value)) ? text.replace('.', ',') : text;
}

// A cell as RFC 4180 has it. A text that a spreadsheet would take for a formula begins with an apostrophe.
function csvCell(value, comma) {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value.replace(/^[=+\-@\t\r]/, "'$&") : asText(value, comma);
  return /[",;\r\n]/.test(text) && !(comma && /^[-\d,eE+]+$/.test(text)) ? `"${text.replaceAll('"', '""')}"` : text;
}

// comma: for a spreadsheet in a language whose decimals have a comma; then semicolons part the cells.
export const toCsv = (rows, comma = false) => rows.map((row) => row.map((value) => csvCell(value, comma)).join(comma ? ';' : ',')).join('\r\n') + '\r\n';
