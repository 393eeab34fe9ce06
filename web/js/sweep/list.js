// A pasted list of params: JSON lines, a JSON list, or delimited text with the names in its first line. Pure.
import {isObject} from '../form/schema.js';
import {withValue} from '../form/value.js';
import {parseJson} from '../preview/json.js';
import {delimiterOf, parseCsv} from '../preview/csv.js';
import {decimalMarks} from '../preview/numbers.js';
import {cellValue, MOST_JOBS} from './grid.js';

// {count, rows, fault}. fault: {code, line}. base: the params that all jobs have; a row replaces them one by one.
export function listRows(text, base, aboutOf = () => undefined) {
  const trimmed = text.trim();
  if (trimmed === '') return {count: 0, rows: [], fault: null};
  // Letters that were lost when the text was read are not sent to a job.
  const lost = text.indexOf('\ufffd');
  if (lost >= 0) return wrong('letters', text.slice(0, lost).split('\n').length);
  if (trimmed.startsWith('[')) return ofJson(trimmed, base);
  if (trimmed.startsWith('{')) return ofLines(text, base);
  return ofTable(text.replace(/^\s*\n/, ''), base, aboutOf);
}

const wrong = (code, line) => ({count: 0, rows: [], fault: {code, line}});
const laid = (found, base) => {
  const at = found.findIndex((row) => !isObject(row));
  if (at >= 0) return wrong('object', at + 1);
  if (found.length > MOST_JOBS) return {count: found.length, rows: [], fault: null};
  return {count: found.length, rows: found.map((row) => ({...base, ...row})), fault: null};
};

function ofJson(text, base) {
  try {
    return laid(parseJson(text), base);
  } catch {
    return wrong('json', 1);
  }
}

function ofLines(text, base) {
  const found = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    try {
      found.push(parseJson(line));
    } catch {
      return wrong('json', index + 1);
    }
  }
  return laid(found, base);
}

const GROUPED = /^[-+]?\d{1,3}(\.\d{3})+$/;

// A cell without text leaves the param out. A name with points leads into nested objects, unless there is a param of that name.
function ofTable(text, base, aboutOf) {
  const delimiter = delimiterOf(text);
  const {rows: [head = [], ...lines], more} = parseCsv(text, MOST_JOBS + 2, delimiter);
  const names = head.map((name) => name.trim());
  if (names.some((name) => name === '')) return wrong('head', 1);
  if (new Set(names).size < names.length) return wrong('twice', 1);
  const given = lines.filter((line) => line.some((cell) => cell.trim() !== ''));
  if (given.length === 0) return wrong('no_rows', 1);
  const long = given.findIndex((line) => line.length > names.length);
  if (long >= 0) return wrong('cells', long + 2);
  if (more || given.length > MOST_JOBS) return {count: Math.max(given.length, MOST_JOBS + 1), rows: [], fault: null};
  const columns = names.map((name) => {
    const path = aboutOf([name]) || !name.includes('.') ? [name] : name.split('.');
    return {path, about: aboutOf(path)};
  });
  const {marks, known} = decimalMarks(given, names.length, delimiter === ';' ? ',' : '.');
  const rows = given.map((line) => line.reduce((row, cell, index) => {
    const {path, about} = columns[index];
    const text = cell.trim();
    if (text === '') return row;
    // Beside 0,5 the cell 1.234 is 1234. JSON has no such groups: it stays a text, and the preview shows it as one.
    return withValue(row, path, known[index] === ',' && GROUPED.test(text) ? text : cellValue(text, about, marks[index] === ','));
  }, base));
  return {count: rows.length, rows, fault: null};
}
