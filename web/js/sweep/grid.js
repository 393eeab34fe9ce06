// A grid of params: each axis has values for one param, and every combination is a job. Pure.
import {describe} from '../form/schema.js';
import {typedNumber, withValue} from '../form/value.js';
import {parseJson, WrittenNumber} from '../preview/json.js';

export const MOST_JOBS = 1000;  // of one POST /job/batch

// What parts the values. Where decimals have a comma, that is a semicolon, a line break, or a comma with a blank behind it.
function markIn(text, comma) {
  if (/\n/.test(text.trim())) return /\n/;
  if (text.includes(';')) return ';';
  if (!comma || !/\d,\d/.test(text)) return ',';
  return /,\s/.test(text) ? /,\s+/ : /\s+/;
}

// 1,2,3 may be three values, or rubbish.
const UNCLEAR = /^[-+]?\d+(,\d+){2,}$/;

// The values in "0.1, 0.2; 3" or one each line, as the param's kind reads them. about: that of describe(), or undefined.
// {values} or {fault}.
export function listedValues(text, about, comma = false) {
  const parts = text.split(markIn(text, comma)).map((part) => part.trim()).filter((part) => part !== '');
  if (parts.length === 0) return {fault: 'empty'};
  if (comma && about?.kind !== 'text' && about?.kind !== 'choice' && parts.some((part) => UNCLEAR.test(part))) return {fault: 'comma'};
  return {values: parts.map((part) => cellValue(part, about, comma))};
}

// The value that a text has for a param. Without a schema numbers, true, false, null and JSON are read as such.
export function cellValue(text, about, comma = false) {
  if (about?.kind === 'choice') {
    const option = about.options.find(({label, value}) => label === text || String(value) === text);
    if (option) return option.value;
  }
  if (about?.kind === 'text') return text;
  if (about?.kind === 'number') return typedNumber(text, comma);
  if (about?.kind === 'boolean' && /^(true|yes|sim|1)$/i.test(text)) return true;
  if (about?.kind === 'boolean' && /^(false|no|não|nao|0)$/i.test(text)) return false;
  const plain = comma && /^-?\d+,\d+([eE][-+]?\d+)?$/.test(text) ? text.replace(',', '.') : text;
  try {
    const value = parseJson(plain);
    return typeof value === 'number' || value instanceof WrittenNumber ? typedNumber(plain) : value;
  } catch {
    return text;
  }
}

const decimals = (text) => {
  const [, fraction = '', power = '0'] = /^[-+]?\d*(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/.exec(text) ?? [];
  return Math.max(0, fraction.length - Number(power));
};

// The values first…last in steps, both ends included, without the errors of binary fractions: 0.1, 0.2, 0.3. {values} or {fault}.
export function rangeValues({first: begin, last: end, step}, comma = false) {
  const texts = [begin, end, step].map((text) => (comma ? text.trim().replace(',', '.') : text.trim()));
  const [first, last, by] = texts.map((text) => (text === '' ? NaN : Number(text)));
  if (![first, last, by].every(Number.isFinite)) return {fault: 'numbers'};
  if (by === 0) return {fault: 'step'};
  const size = Math.abs(by);
  const count = Math.floor(Math.abs(last - first) / size + 1e-9) + 1;
  if (count > MOST_JOBS) return {fault: 'many', count};
  const digits = Math.min(15, Math.max(decimals(texts[0]), decimals(texts[2])));
  const sign = last < first ? -1 : 1;
  return {values: Array.from({length: count}, (_, index) => Number((first + sign * size * index).toFixed(digits)))};
}

// {values} or {fault} of an axis {path, mode, text, first, last, step}.
export function axisValues(axis, about, comma = false) {
  if (axis.path.length === 0 || axis.path.some((part) => part === '')) return {fault: 'name'};
  return axis.mode === 'range' ? rangeValues(axis, comma) : listedValues(axis.text, about, comma);
}

// {count, rows, faults} of all combinations, the last axis fastest. base: the params that all jobs have. rows: none if there are
// faults or more than MOST_JOBS. faults: [{axis, fault}]. aboutOf(path): of the schema, or undefined.
export function gridRows(axes, base, aboutOf = () => undefined, comma = false) {
  const lists = axes.map((axis) => axisValues(axis, aboutOf(axis.path), comma));
  const faults = lists.flatMap((list, axis) => (list.fault ? [{axis, fault: list.fault, count: list.count}] : []));
  axes.forEach((axis, index) => {
    const name = JSON.stringify(axis.path);
    if (axes.findIndex((other) => JSON.stringify(other.path) === name) < index && !lists[index].fault) faults.push({axis: index, fault: 'twice'});
  });
  if (faults.length || axes.length === 0) return {count: 0, rows: [], faults};
  const count = lists.reduce((product, {values}) => product * values.length, 1);
  if (count > MOST_JOBS) return {count, rows: [], faults};
  const rows = Array.from({length: count}, (_, number) => {
    let row = base;
    let rest = number;
    for (let axis = axes.length - 1; axis >= 0; --axis) {
      const {values} = lists[axis];
      row = withValue(row, axes[axis].path, values[rest % values.length]);
      rest = Math.floor(rest / values.length);
    }
    return row;
  });
  return {count, rows, faults};
}

// about of a path within a schema, through the fields of its objects; undefined where there is none.
export function aboutIn(root, path) {
  let schema = root;
  for (const part of path) {
    const about = describe(root, schema);
    const field = about.kind === 'object' ? about.fields.find(({name}) => name === part) : undefined;
    if (!field) return undefined;
    schema = field.schema;
  }
  return describe(root, schema);
}
