// The first rows of the sheets of a workbook (Office Open XML, ECMA-376). Formulas are not computed: their last values are shown. It is
// read piece by piece, and no further than it is shown, so that neither a large nor a hostile workbook holds up the page.
import {entryStream, readDirectory} from '../../api/zip.js';
import {MOST_COLUMNS} from '../csv.js';
import {createDecoder} from '../decode.js';
import {attributesOf, createXmlReader} from './xml.js';

const MOST_UNPACKED = 256 << 20;  // bytes that are read of one part
const MOST_TEXT = 32_767;  // characters of a cell, by the format
const MOST_SHEETS = 200;
const MOST_FORMAT = 255;  // characters of a number format, by Excel's limits
const SLICE = 12;  // milliseconds; then the page has its turn
const DAY = 86_400_000;
const NONE = new Uint8Array(0);

// How cells are written: decimals with a comma or a point, and the words for true and false.
const PLAIN = {comma: false, yes: 'TRUE', no: 'FALSE'};

// {sheets: [{name, hidden}], read(index, most)}. read gives {rows, more, columns} as parseCsv does, and uncomputed: the places of the cells
// of which only the formula is stored, as 'row column'. Throws if it is no workbook.
export async function openWorkbook(bytes, {signal, words = PLAIN} = {}) {
  const entries = new Map(readDirectory(bytes).map((entry) => [entry.name.replace(/^\//, '').toLowerCase(), entry]));
  const part = async (path, reader, done) => {
    const entry = entries.get(path.toLowerCase());
    if (!entry) return false;
    await readPart(entryStream(bytes, entry), reader, done, signal);
    return true;
  };
  const relations = new Map();
  await part('xl/_rels/workbook.xml.rels', createXmlReader({open(name, text) {
    if (name !== 'Relationship') return;
    const attributes = attributesOf(text);
    relations.set(attributes.get('Id'), pathOf(attributes.get('Target') ?? ''));
  }}));
  const book = {sheets: [], base: Date.UTC(1899, 11, 30)};
  const found = await part('xl/workbook.xml', createXmlReader({open(name, text) {
    const attributes = name === 'sheet' || name === 'workbookPr' ? attributesOf(text) : null;
    if (name === 'workbookPr' && /^(1|true)$/.test(attributes.get('date1904') ?? '')) book.base = Date.UTC(1904, 0, 1);
    if (name !== 'sheet' || book.sheets.length === MOST_SHEETS) return;
    const path = relations.get([...attributes].find(([key]) => key.endsWith(':id'))?.[1]);
    if (path) book.sheets.push({name: attributes.get('name') ?? '', hidden: (attributes.get('state') ?? 'visible') !== 'visible', path});
  }}));
  if (!found || book.sheets.length === 0) throw new Error('no workbook');
  let styles = null;
  return {
    sheets: book.sheets.map(({name, hidden}) => ({name, hidden})),
    async read(index, most) {
      if (!styles) styles = await readStyles(part);
      const sheet = await readSheet(part, book.sheets[index].path, most);
      await fillShared(part, sheet.shared);
      for (const {row, column, type, text, style} of sheet.cells) sheet.rows[row][column] = shownCell(type, text, styles[style] ?? 'number', book.base, words);
      return {rows: sheet.rows, more: sheet.more, columns: sheet.columns, uncomputed: sheet.uncomputed};
    },
  };
}

// A target is relative to xl/, or begins with a slash.
function pathOf(target) {
  const path = [];
  for (const step of (target.startsWith('/') ? target.slice(1) : `xl/${target}`).split('/')) {
    if (step === '..') path.pop();
    else if (step !== '.' && step !== '') path.push(step);
  }
  return path.join('/');
}

async function readPart(stream, push, done = () => false, signal) {
  const reader = stream.getReader();
  const decoder = createDecoder();
  let size = 0;
  let turn = performance.now();
  try {
    for (;;) {
      signal?.throwIfAborted();
      const {value = NONE, done: ended} = await reader.read();
      size += value.length;
      if (size > MOST_UNPACKED) throw new Error('a workbook that is too large');
      push(decoder.push(value, ended));
      if (ended || done()) return;
      if (performance.now() - turn > SLICE) {
        await new Promise((resolve) => setTimeout(resolve));
        turn = performance.now();
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// What the number formats that every program knows show (ECMA-376, 18.8.30).
const KNOWN_FORMATS = new Map([[9, 'percent'], [10, 'percent'], [14, 'date'], [15, 'date'], [16, 'date'], [17, 'date'], [18, 'time'], [19, 'time'], [20, 'time'], [21, 'time'], [22, 'moment'], [45, 'time'], [46, 'span'], [47, 'time']]);

export function formatKind(code) {
  const plain = code.slice(0, MOST_FORMAT).split(';')[0].replace(/"[^"]*"|\\.|_.|\*./g, '');
  if (/\[(h+|m+|s+)\]/i.test(plain)) return 'span';
  const letters = plain.replace(/\[[^[\]]*\]/g, '').toLowerCase();
  if (/general/.test(letters)) return 'number';
  const day = /[yd]/.test(letters) || /m/.test(letters) && !/[hs]/.test(letters);
  const time = /[hs]/.test(letters);
  if (day || time) return day && time ? 'moment' : day ? 'date' : 'time';
  return letters.includes('%') ? 'percent' : 'number';
}

// The kinds of the cell styles, by number.
async function readStyles(part) {
  const own = new Map();
  const kinds = [];
  let inside = false;
  await part('xl/styles.xml', createXmlReader({
    open(name, text) {
      if (name === 'numFmt') {
        const attributes = attributesOf(text);
        own.set(Number(attributes.get('numFmtId')), formatKind(attributes.get('formatCode') ?? ''));
      }
      if (name === 'cellXfs') inside = true;
      if (name !== 'xf' || !inside || kinds.length >= 70_000) return;
      const id = Number(attributesOf(text).get('numFmtId') ?? 0);
      kinds.push(own.get(id) ?? KNOWN_FORMATS.get(id) ?? 'number');
    },
    close(name) {
      if (name === 'cellXfs') inside = false;
    },
  }));
  return kinds;
}

export function columnOf(reference) {
  let column = 0;
  for (const letter of /^[A-Z]{0,3}/i.exec(reference)[0].toUpperCase()) column = column * 26 + letter.charCodeAt(0) - 64;
  return column - 1;
}

// Cells whose text is not known yet, by the number of the shared text.
async function readSheet(part, path, most) {
  const sheet = {rows: [], cells: [], shared: new Map(), more: false, columns: 0, uncomputed: new Set()};
  let row = -1;
  let column = -1;
  let cell = null;
  let value = '';
  let formula = null;  // of the cell; '' for one that it shares with another cell
  let takes = 0;  // within a <v>, or a <t> of the cell
  let takesFormula = false;
  let valued = false;  // the cell has a <v>, or a <t>
  let phonetic = 0;
  const found = await part(path, createXmlReader({
    open(name, text) {
      if (name === 'row') {
        const number = Number(attributesOf(text).get('r') ?? NaN);
        row = Number.isInteger(number) && number > row ? number - 1 : row + 1;
        column = -1;
        if (row >= most) sheet.more = true;
        else while (sheet.rows.length <= row) sheet.rows.push([]);
      } else if (name === 'c') {
        const attributes = attributesOf(text);
        const place = columnOf(attributes.get('r') ?? '');
        column = place > column ? place : column + 1;
        cell = {row, column, type: attributes.get('t') ?? 'n', style: Number(attributes.get('s') ?? 0)};
        value = '';
        formula = null;
        takesFormula = false;
        valued = false;
      } else if (name === 'rPh') ++phonetic;
      else if (name === 'f' && cell) {
        formula = '';
        takesFormula = true;
      } else if (cell && (name === 'v' || name === 't' && !phonetic)) {
        ++takes;
        valued = true;
      }
    },
    text(text) {
      if (takes && value.length < MOST_TEXT) value += text;
      else if (takesFormula && formula.length < MOST_TEXT) formula += text;
    },
    close(name) {
      if (name === 'rPh') --phonetic;
      else if (name === 'f') takesFormula = false;
      else if ((name === 'v' || name === 't') && takes) --takes;
      else if (name === 'c' && cell) {
        // Programs that don't compute store a formula without its value. The empty text is one where the cell has the type of a text.
        const uncomputed = value === '' && formula !== null && !(valued && cell.type === 'str');
        if ((value !== '' || uncomputed) && !sheet.more && row >= 0) {
          sheet.columns = Math.max(sheet.columns, cell.column + 1);
          if (cell.column < MOST_COLUMNS && uncomputed) {
            sheet.uncomputed.add(`${cell.row} ${cell.column}`);
            keep(sheet, {...cell, type: 'str', text: `=${formula.slice(0, MOST_TEXT) || '…'}`});
          } else if (cell.column < MOST_COLUMNS) keep(sheet, {...cell, text: value.slice(0, MOST_TEXT)});
        }
        cell = null;
        takes = 0;
        takesFormula = false;
      }
    },
  }), () => sheet.more);
  if (!found) throw new Error('no such sheet');
  // Rows have cells up to the last one that is filled.
  for (const cells of sheet.rows) for (let at = 0; at < cells.length; ++at) cells[at] ??= '';
  while (sheet.rows.length && sheet.rows.at(-1).length === 0) sheet.rows.pop();
  return sheet;
}

function keep(sheet, cell) {
  const row = sheet.rows[cell.row];
  row[cell.column] = '';
  if (cell.type !== 's') {
    sheet.cells.push(cell);
    return;
  }
  const number = Number(cell.text);
  if (!sheet.shared.has(number)) sheet.shared.set(number, []);
  sheet.shared.get(number).push((text) => (row[cell.column] = text));
}

// Texts are kept once for the whole workbook. Only those that are shown are kept here, and it is read no further than the last of them.
async function fillShared(part, shared) {
  if (shared.size === 0) return;
  let last = -1;
  for (const key of shared.keys()) if (key > last) last = key;
  let number = -1;
  let value = '';
  let takes = false;
  let phonetic = 0;
  await part('xl/sharedStrings.xml', createXmlReader({
    open(name) {
      if (name === 'si') {
        ++number;
        value = '';
      } else if (name === 'rPh') ++phonetic;
      else if (name === 't' && !phonetic) takes = true;
    },
    text(text) {
      if (takes && value.length < MOST_TEXT && shared.has(number)) value += text;
    },
    close(name) {
      if (name === 't') takes = false;
      else if (name === 'rPh') --phonetic;
      else if (name === 'si') for (const put of shared.get(number) ?? []) put(value);
    },
  }), () => number > last);
}

const two = (value) => String(value).padStart(2, '0');

// The text of a cell. Dates are written as ISO 8601 does, numbers with the 15 digits that spreadsheets have.
export function shownCell(type, text, kind, base, {comma, yes, no} = PLAIN) {
  if (type === 'b') return text === '1' ? yes : no;
  if (type === 'd') return text.replace('T', ' ');
  if (type !== 'n' || text.trim() === '' || !Number.isFinite(Number(text))) return text;
  const number = Number(text);
  const written = (value) => (comma ? String(value).replace('.', ',') : String(value));
  if (kind === 'percent') return `${written(Number((number * 100).toPrecision(12)))}%`;
  if (kind === 'number' || Math.abs(number) > 3_000_000) return written(Number(number.toPrecision(15)));
  const seconds = Math.round((number * DAY) / 1000);
  if (kind === 'span') return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const iso = new Date(base + seconds * 1000).toISOString();
  const time = iso.slice(11, 19);
  if (kind === 'time') return time;
  return kind === 'date' ? iso.slice(0, 10) : `${iso.slice(0, 10)} ${time}`;
}
