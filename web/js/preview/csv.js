// A table out of delimited text (RFC 4180; also with semicolons or tabs). Cells are text: nothing is computed.
import {isNumber} from './numbers.js';

export function delimiterOf(text) {
  const counts = {',': 0, ';': 0, '\t': 0};
  let quoted = false;
  for (const character of text.slice(0, 65_536)) {
    if (character === '"') quoted = !quoted;
    else if (!quoted && character === '\n') break;
    else if (!quoted && character in counts) ++counts[character];
  }
  return Object.entries(counts).reduce((best, entry) => (entry[1] > best[1] ? entry : best), [',', 0])[0];
}

export const MOST_COLUMNS = 200;

// At most `most` rows of MOST_COLUMNS cells. more: there are further rows. columns: how many the widest row has in the text.
export function parseCsv(text, most = 1000, delimiter = delimiterOf(text)) {
  let columns = 0;
  let width = 0;
  const rows = [];
  let row = [];
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
  while (at < text.length) {
    if (rows.length === most) return {rows, more: true, columns};
    let cell = '';
    if (text[at] === '"') {
      let from = at + 1;
      for (;;) {
        const end = text.indexOf('"', from);
        if (end < 0) {
          cell += text.slice(from);
          at = text.length;
          break;
        }
        cell += text.slice(from, end);
        at = end + 1;
        if (text[at] !== '"') break;
        cell += '"';
        from = at + 1;
      }
    }
    const from = at;
    while (at < text.length && text[at] !== delimiter && text[at] !== '\n' && text[at] !== '\r') ++at;
    columns = Math.max(columns, ++width);
    if (width <= MOST_COLUMNS) row.push(cell + text.slice(from, at));
    if (text[at] === delimiter) {
      ++at;
      if (at === text.length) {
        columns = Math.max(columns, ++width);
        if (width <= MOST_COLUMNS) row.push('');
      }
      continue;
    }
    if (text[at] === '\r' && text[at + 1] === '\n') ++at;
    ++at;
    rows.push(row);
    row = [];
    width = 0;
  }
  if (row.length) rows.push(row);
  return {rows, more: false, columns};
}

// Whether a column has numbers only (and empty cells): it is shown flush right.
export function numberColumns(rows) {
  const width = rows.reduce((most, row) => Math.max(most, row.length), 0);
  return Array.from({length: width}, (_, column) => {
    const cells = rows.slice(1).map((row) => (row[column] ?? '').trim()).filter(Boolean);
    return cells.length > 0 && cells.every(isNumber);
  });
}
