// Numbers with a point or a comma: in tables that are plotted, and in sweeps.
import assert from 'node:assert/strict';
import test from 'node:test';
import {delimiterOf, numberColumns, parseCsv} from '../js/preview/csv.js';
import {decimalMarks, isNumber, numberOf, pointsOf} from '../js/preview/numbers.js';
import {WrittenNumber} from '../js/preview/json.js';
import {textOf} from '../js/form/value.js';
import {previewColumns} from '../js/sweep/check.js';
import {aboutIn, listedValues} from '../js/sweep/grid.js';
import {listRows} from '../js/sweep/list.js';

test('a cell that tells its decimal mark is read by it, and one that does not by the mark that is given', () => {
  for (const [cell, point, comma] of [
    ['1,234.5', 1234.5, 1234.5], ['1.234,5', 1234.5, 1234.5], ['1.234.567', 1234567, 1234567], ['1,234,567', 1234567, 1234567], ['0,25', 0.25, 0.25], ['0.125', 0.125, 0.125], ['0,125', 0.125, 0.125],
    ['1.5', 1.5, 1.5], ['1,5e3', 1500, 1500], ['12345.678', 12345.678, 12345.678], ['.5', 0.5, 0.5], ['-2e3', -2000, -2000], [' 12% ', 12, 12], ['+7', 7, 7], ['12,5%', 12.5, 12.5],
    ['1.234', 1.234, 1234], ['1,234', 1234, 1.234], ['-12.345', -12.345, -12345],
  ]) assert.deepEqual([numberOf(cell), numberOf(cell, ',')], [point, comma], cell);
});

test('dates, versions and words are no numbers', () => {
  for (const cell of ['29.11.2026', '2026.11.29', '1.2.3', '1,2,3', '12,34.5', '1.234,567,8', '1.5.', ',', '', 'x', undefined, '1 2', '0.123.456', '1.234.5e3', '--1']) {
    assert.ok(!isNumber(cell) && Number.isNaN(numberOf(cell)), String(cell));
  }
  assert.deepEqual(numberColumns([['day', 'value'], ['29.11.2026', '1.5'], ['30.11.2026', '2']]), [false, true]);
});

// What is plotted of a file: [x, y] of each row.
function plotted(text, delimiter = delimiterOf(text)) {
  const {rows: [, ...body]} = parseCsv(text, 1001, delimiter);
  const {marks, unsure} = decimalMarks(body, 2, delimiter === ';' ? ',' : '.');
  return {points: pointsOf(body, 0, 1, marks).map(({x, y}) => [x, y]), unsure};
}

test('files of both kinds of programs are plotted as they are meant', () => {
  for (const [name, text, points] of [
    ['pandas with semicolons', 't;y\n1;1.5\n2;1.7\n', [[1, 1.5], [2, 1.7]]],
    ['pandas with semicolons, three digits in one cell', 't;y\n1;1.5\n2;1.734\n', [[1, 1.5], [2, 1.734]]],
    ['a spreadsheet in Portuguese', 't;y\n1;1,5\n2;1.234,5\n3;1.234\n', [[1, 1.5], [2, 1234.5], [3, 1234]]],
    ['tabs of a spreadsheet in Portuguese', 't\ty\n1\t0,25\n2\t1.234\n', [[1, 0.25], [2, 1234]]],
    ['commas in quotes', 't,y\n1,"0,25"\n2,"1,75"\n', [[1, 0.25], [2, 1.75]]],
    ['groups of thousands', 't,y\n1,"1,234.5"\n2,"12,345"\n', [[1, 1234.5], [2, 12345]]],
    ['the other column tells it', 't;y\n0.5;1.234\n1.5;2.345\n', [[0.5, 1.234], [1.5, 2.345]]],
  ]) assert.deepEqual(plotted(text), {points, unsure: null}, name);
});

test('where a table does not tell its mark, a cell of it is given, and the reader decides', () => {
  assert.deepEqual(plotted('t;y\n1;1.234\n2;2.345\n'), {points: [[1, 1234], [2, 2345]], unsure: '1.234'});
  assert.deepEqual(plotted('t,y\n1,1.234\n2,2.345\n'), {points: [[1, 1.234], [2, 2.345]], unsure: '1.234'});
  assert.deepEqual(decimalMarks([['1.234']], 1, ','), {marks: [','], known: [null], unsure: '1.234'});
  assert.equal(decimalMarks([['1'], ['2000']], 1, '.').unsure, null);
});

const schema = {type: 'object', properties: {a: {type: 'number'}, s: {type: 'string'}, c: {enum: ['x,y', 'z']}}};
const aboutOf = (path) => aboutIn(schema, path);
const json = (value) => textOf(value, '');

test('decimals with a comma are numbers without a schema, too', () => {
  for (const [text, want] of [
    ['0,1; 0,2; 0,5', '[0.1,0.2,0.5]'], ['0,1, 0,2', '[0.1,0.2]'], ['0,1 0,2', '[0.1,0.2]'], ['0,1\n0,2', '[0.1,0.2]'], ['1, 2', '[1,2]'], ['-0,5; 1,10', '[-0.5,1.10]'],
    ['1.5; 2', '[1.5,2]'], ['0,1; "0,1"; word', '[0.1,"0,1","word"]'], ['[1,2]; {"x":1,"y":1.10}', '[[1,2],{"x":1,"y":1.10}]'],
  ]) {
    for (const about of [undefined, aboutOf(['unknown'])]) assert.equal(json(listedValues(text, about, true).values), want, text);
  }
  // In English a comma parts values, as before.
  assert.equal(json(listedValues('0,1', undefined).values), '[0,1]');
  assert.equal(json(listedValues('0,1', aboutOf(['s']), true).values), '["0,1"]');
});

test('1,2,3 is asked about where decimals have a comma', () => {
  for (const text of ['1,2,3', '0,1,0,2', '1; 1,2,3']) {
    assert.equal(listedValues(text, aboutOf(['a']), true).fault, 'comma', text);
    assert.equal(listedValues(text, undefined, true).fault, 'comma', text);
  }
  assert.equal(listedValues('x,y; z', aboutOf(['c']), true).fault, undefined);
  assert.equal(json(listedValues('1,2,3', undefined).values), '[1,2,3]');
});

test('a list has the numbers of its table, whatever parts its cells', () => {
  for (const [text, want] of [
    ['a;b\n0,1;x\n0,2;y', '[{"a":0.1,"b":"x"},{"a":0.2,"b":"y"}]'],
    ['u\tb\n0,1\tx\n1,75\ty', '[{"u":0.1,"b":"x"},{"u":1.75,"b":"y"}]'],
    ['u,b\n"0,1",x\n"0,2",y', '[{"u":0.1,"b":"x"},{"u":0.2,"b":"y"}]'],
    ['u;b\n1.5;x\n1.25;y', '[{"u":1.5,"b":"x"},{"u":1.25,"b":"y"}]'],
    // Beside 0,5 a 1.234 has groups of thousands: it is not sent as another number.
    ['u;v\n0,5;1.234\n1.234;2', '[{"u":0.5,"v":"1.234"},{"u":"1.234","v":2}]'],
  ]) assert.equal(json(listRows(text, {}, aboutOf).rows), want, text);
});

test('digits of values in a list and in nested JSON stay', () => {
  assert.equal(json(listedValues('9007199254740993; 1.10', undefined).values), '[9007199254740993,1.10]');
  assert.equal(json(listedValues('{"seed":9007199254740993}; 1', undefined).values), '[{"seed":9007199254740993},1]');
  assert.equal(json(listRows('[{"seed":9007199254740993}]', {}).rows), '[{"seed":9007199254740993}]');
});

test('the preview of a sweep tells a text from a number', () => {
  const columns = previewColumns([{a: 0.1, s: '0,1', seed: new WrittenNumber('9007199254740993'), n: null}, {a: '0.1', s: 'x', seed: 1, n: null}]);
  assert.deepEqual(Object.fromEntries(columns.map(({name, cells}) => [name, cells])), {a: ['0.1', '"0.1"'], s: ['"0,1"', '"x"'], seed: ['9007199254740993', '1'], n: ['null', 'null']});
  assert.deepEqual(previewColumns([{constructor: 1}, {a: 1}])[0], {name: 'constructor', cells: ['1', '']});
});

test('letters that were lost are not sent', () => {
  assert.deepEqual(listRows('a\nS\ufffdo Paulo\n', {}).fault, {code: 'letters', line: 2});
  assert.deepEqual(listRows('[{"regi\ufffdo":1}]', {}).fault, {code: 'letters', line: 1});
});
