// The params as a value and as text, and changes of single places. Pure: nothing is changed in place.
import {faultOf, isNode, parseJson, WrittenNumber} from '../preview/json.js';

const DEEPEST = 60;

// Own members only: a param may be called like a member of every object.
export function valueAt(value, path) {
  for (const part of path) {
    if (!isNode(value) || !Object.hasOwn(value, part)) return undefined;
    value = value[part];
  }
  return value;
}

// The value with another one at the place; undefined removes the place. What is missing on the way is made.
export function withValue(value, path, next) {
  if (path.length === 0) return next;
  const [part, ...rest] = path;
  if (typeof part === 'number') {
    const list = Array.isArray(value) ? [...value] : [];
    const item = withValue(list[part], rest, next);
    if (item === undefined) list.splice(part, 1);
    else list[part] = item;
    return list;
  }
  const members = isNode(value) && !Array.isArray(value) ? value : {};
  const made = withValue(Object.hasOwn(members, part) ? members[part] : undefined, rest, next);
  if (made !== undefined) return {...members, [part]: made};
  const {[part]: gone, ...others} = members;
  return others;
}

export function moved(list, from, to) {
  if (to < 0 || to >= list.length) return list;
  const next = [...list];
  next.splice(to, 0, ...next.splice(from, 1));
  return next;
}

// JSON of which the numbers stay as they were written.
export function textOf(value, gap = '  ', margin = '') {
  if (value instanceof WrittenNumber) return value.text;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const inner = margin + gap;
  const [open, close, parts] = Array.isArray(value)
    ? ['[', ']', value.map((item) => textOf(item, gap, inner))]
    : ['{', '}', Object.entries(value).map(([name, item]) => `${JSON.stringify(name)}:${gap ? ' ' : ''}${textOf(item, gap, inner)}`)];
  if (parts.length === 0) return open + close;
  return gap ? `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${margin}${close}` : open + parts.join(',') + close;
}

export const sameValue = (one, other) => one === other || (one !== undefined && other !== undefined && textOf(one, '') === textOf(other, ''));

function depthOf(value, depth = 0) {
  if (!isNode(value) || depth > DEEPEST) return depth;
  return Object.values(value).reduce((most, child) => Math.max(most, depthOf(child, depth + 1)), depth + 1);
}

// {value, fault} of the params' text. value: an object, {} for an empty text, null if there is a fault (that of faultOf, or {deep}).
export function readParams(text) {
  const fault = faultOf(text);
  if (fault) return {value: null, fault};
  const value = text.trim() === '' ? {} : parseJson(text);
  return depthOf(value) > DEEPEST ? {value: null, fault: {deep: true}} : {value, fault: null};
}

export const writeParams = (value) => (Object.keys(value).length === 0 ? '' : textOf(value));

// A number as it was typed: JSON keeps all its digits. What is no number stays text; the check of the schema says so at the field.
// comma: the reader writes decimals with a comma.
export function typedNumber(text, comma = false) {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  // With a comma for decimals, 1.500 may be 1500 or 1.5: what it is must be written so that it is clear.
  if (comma && /^[-+]?[1-9]\d{0,2}(\.\d{3})+$/.test(trimmed)) return text;
  const plain = comma && /^[-+]?\d*,\d+$/.test(trimmed) ? trimmed.replace(',', '.') : trimmed;
  const written = plain.replace(/^\+/, '').replace(/^(-?)\./, '$10.');
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?$/.test(written)) return text;
  const value = Number(written);
  return String(value) === written ? value : new WrittenNumber(written);
}

export const shownValue = (value) => (value === undefined ? '' : value instanceof WrittenNumber ? value.text : typeof value === 'string' ? value : textOf(value, ''));
