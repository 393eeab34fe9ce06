// The rows of a sweep against the schema, and its table. Pure.
import {faultsOf} from '../form/validate.js';
import {textOf} from '../form/value.js';
import {flatten} from '../preview/plot.js';
import {isNode} from '../preview/json.js';

const MOST_SHOWN = 5;

// {count, first}: how many rows have a fault, and the first of them, [{row, fault}]. inherited: the params of the repository.
export function rowFaults(schema, rows, inherited = {}) {
  const first = [];
  let count = 0;
  rows.forEach((row, index) => {
    const [fault] = faultsOf(schema, {...inherited, ...row});
    if (!fault) return;
    ++count;
    if (first.length < MOST_SHOWN) first.push({row: index, fault});
  });
  return {count, first};
}

// The columns of a preview: what differs between the rows first, then what all have. [{name, cells}] of `shown` rows. Values are shown as
// JSON has them: the text "0,1" is not the number 0.1.
export function previewColumns(rows, shown = 8, most = 12) {
  const flat = rows.map((row) => flatten(written(row)));
  const names = [...new Set(flat.flatMap((row) => Object.keys(row)))];
  const cell = (row, name) => (Object.hasOwn(row, name) ? String(row[name]) : '');
  const differs = (name) => flat.some((row) => cell(row, name) !== cell(flat[0], name));
  return [...names.filter(differs), ...names.filter((name) => !differs(name))].slice(0, most)
    .map((name) => ({name, cells: flat.slice(0, shown).map((row) => cell(row, name))}));
}

// Each value as its JSON.
function written(value) {
  if (!isNode(value)) return textOf(value, '');
  if (Array.isArray(value)) return value.map(written);
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [name, written(child)]));
}
