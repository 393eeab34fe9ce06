// Numbers in the cells of a table. The program that wrote it may have used a point or a comma for decimals, and the other one for groups
// of thousands. Pure.

const NUMBER = /^([-+]?)([\d.,]*\d)([eE][-+]?\d+)?%?$/;

// '1.234.567' by the mark '.'.
function isGrouped(text, mark) {
  const [first, ...rest] = text.split(mark);
  return /^[1-9]\d{0,2}$/.test(first) && rest.every((group) => /^\d{3}$/.test(group));
}

// What a cell tells: {sign, digits, power, decimal, unsure}, or null if it is no number (29.11.2026 is none). decimal: '.' or ',' where
// the cell shows which of them its decimals have, else null. unsure: it has a mark that may be either, as 1.234 has.
function partsOf(cell) {
  const found = NUMBER.exec((cell ?? '').trim());
  if (!found) return null;
  const [, sign, digits, power = ''] = found;
  const last = Math.max(digits.lastIndexOf('.'), digits.lastIndexOf(','));
  if (last < 0) return {sign, digits, power, decimal: null, unsure: false};
  const mark = digits[last];
  const other = mark === '.' ? ',' : '.';
  const head = digits.slice(0, last);
  if (head.includes(other)) return isGrouped(head, other) ? {sign, digits, power, decimal: mark, unsure: false} : null;
  if (head.includes(mark)) return isGrouped(digits, mark) && !power ? {sign, digits, power, decimal: other, unsure: false} : null;
  const unsure = isGrouped(digits, mark) && !power;
  return {sign, digits, power, decimal: unsure ? null : mark, unsure};
}

export const isNumber = (cell) => partsOf(cell) !== null;

// The number in a cell, or NaN; of a percentage the number before the sign. decimal: the mark where the cell itself does not tell.
export function numberOf(cell, decimal = '.') {
  const parts = partsOf(cell);
  if (!parts) return NaN;
  const mark = parts.decimal ?? decimal;
  return Number(parts.sign + parts.digits.replaceAll(mark === '.' ? ',' : '.', '').replace(mark, '.') + parts.power);
}

// The decimal marks of the columns: that of most cells that tell it, else that of the other columns if they agree, else `fallback`.
// {marks, known, unsure}. known: the marks that the table tells, or null. unsure: a cell that can be read in both ways, where nothing
// in the table tells which, or null.
export function decimalMarks(rows, columns, fallback) {
  const found = Array.from({length: columns}, () => ({'.': 0, ',': 0, unsure: null}));
  for (const row of rows) {
    found.forEach((column, index) => {
      const parts = partsOf(row[index]);
      if (parts?.decimal) ++column[parts.decimal];
      else if (parts?.unsure) column.unsure ??= row[index].trim();
    });
  }
  const told = found.map((column) => (column['.'] === column[','] ? null : column['.'] > column[','] ? '.' : ','));
  const all = new Set(told.filter(Boolean));
  const common = all.size === 1 ? [...all][0] : null;
  const known = told.map((mark) => mark ?? common);
  return {marks: known.map((mark) => mark ?? fallback), known, unsure: found.find((column, index) => column.unsure && !known[index])?.unsure ?? null};
}

// The points {x, y} of two columns; rows without both numbers are left out. x null: the number of the row. marks: those of the columns.
export function pointsOf(rows, x, y, marks = []) {
  return rows.map((row, index) => ({x: x === null ? index + 1 : numberOf(row[x], marks[x]), y: numberOf(row[y], marks[y])}))
    .filter((point) => Number.isFinite(point.x) && Number.isFinite(point.y));
}
