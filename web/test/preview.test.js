import assert from 'node:assert/strict';
import test from 'node:test';
import {ansiParts, firstLog, isErrorLine, styleBefore, withoutAnsi} from '../js/preview/ansi.js';
import {delimiterOf, MOST_COLUMNS, numberColumns, parseCsv} from '../js/preview/csv.js';
import {faultOf, parseJson, WrittenNumber} from '../js/preview/json.js';
import {folderTree, foldersOf, foundRows, treeRows} from '../js/preview/folder.js';
import {imageType, kindOfFile, looksLikePdf} from '../js/preview/kind.js';
import {asNumber, asText, comparedColumns, flatten, ownValue, scale, ticks, toCsv} from '../js/preview/plot.js';
import {resultOf} from '../js/state/result.js';

test('delimited text is read', () => {
  for (const [text, want] of [
    ['a,b\n1,2\n', [['a', 'b'], ['1', '2']]],
    ['\ufeffa;b\r\n"x;""y""\nz";2', [['a', 'b'], ['x;"y"\nz', '2']]],
    ['a\tb\n\t', [['a', 'b'], ['', '']]],
    ['a,b,\n,,\n', [['a', 'b', ''], ['', '', '']]],
    ['"open', [['open']]],
    ['a\n\nb', [['a'], [''], ['b']]],
    ['', []],
  ]) assert.deepEqual(parseCsv(text).rows, want, JSON.stringify(text));
});

test('only the first rows are read', () => {
  const {rows, more} = parseCsv('a\n'.repeat(5000), 1001);
  assert.equal(rows.length, 1001);
  assert.ok(more);
});

test('the delimiter is looked for outside of quotation marks', () => {
  assert.equal(delimiterOf('"a,b,c";d\n1,2,3,4'), ';');
});

test('columns of numbers are found, in both ways to write them', () => {
  assert.deepEqual(numberColumns([['a', 'b', 'c', 'd'], ['1.5', '1.234,5', 'x', ''], ['-2e3', '', '1', '']]), [true, true, false, false]);
});

test('colours of a log become classes, all other escapes go', () => {
  const {parts, style} = ansiParts('\u001b[1;31mERROR\u001b[0m x\u001b[2K\u001b]0;title\u0007y\u001b[38;5;31mz\u001b[4m');
  assert.deepEqual(parts, [{text: 'ERROR', class: 'ansi-1 ansi-bold'}, {text: ' xy', class: ''}, {text: 'z', class: 'ansi-4'}]);
  assert.ok(style.underline);
  assert.equal(withoutAnsi('\u001b[1ma\u202eb\u0000'), 'ab');
});

// Quadratic work would take minutes.
test('a flood of escapes is read', {timeout: 120_000}, () => {
  ansiParts('\u001b['.repeat(200_000));
  ansiParts('\u001b]'.repeat(100_000));
  ansiParts(`\u001b[${'1;'.repeat(200_000)}`);
});

test('a flood of colours in one line makes few elements', () => {
  const {parts} = ansiParts(Array.from({length: 3000}, (_, index) => `\u001b[3${index % 8}mx`).join(''));
  assert.equal(parts.length, 200);
  assert.equal(parts.map(({text}) => text).join('').length, 3000);
});

test('errors are found, with colours around them, too', () => {
  for (const [line, want] of [['terror', false], ['all well', false], ['\u001b[31mERROR\u001b[0m x', true], ['Traceback (most recent call last):', true]]) assert.equal(isErrorLine(line), want, line);
});

test('of the logs stdout is shown first, of a failed job stderr, and never an empty one', () => {
  const entries = [{name: 'attempt-1/stderr.log', size: 3}, {name: 'attempt-1/stdout.log', size: 9}, {name: 'own.log', size: 1}];
  assert.equal(firstLog(entries, false).size, 9);
  assert.equal(firstLog(entries, true).size, 3);
  assert.equal(firstLog([{name: 'stdout.log', size: 0}, {name: 'own.log', size: 1}], false).name, 'own.log');
  assert.equal(firstLog([{name: 'stderr.log', size: 0}, {name: 'stdout.log', size: 1}], true).name, 'stdout.log');
});

test('numbers of JSON stay as they were written, where the browser tells', () => {
  const {a, b, c} = parseJson('{"a":9007199254740993,"b":1.10,"c":5}');
  if (a instanceof WrittenNumber) assert.deepEqual([a.text, b.text], ['9007199254740993', '1.10']);
  assert.equal(c, 5);
});

test('a fault in params has its place', () => {
  assert.equal(faultOf(' '), null);
  assert.equal(faultOf('{"a":1}'), null);
  assert.deepEqual(faultOf('[1]'), {object: false});
  assert.deepEqual(faultOf('null'), {object: false});
  for (const [text, line, column] of [['{"a":1,\n "b" x}', 2, 6], ['{"a":1', 1, 7], ['{"a":1,}', 1, 8], ['{"a":01}', 1, 6], ['{"a": "x\ty"}', 1, 7], ['{a:1}', 1, 2], ['{} {}', 1, 4], ['[1}', 1, 3], ['{"a":tru}', 1, 6]]) {
    assert.deepEqual(faultOf(text), {line, column}, text);
  }
});

test('the result is taken out of the answer byte for byte', () => {
  assert.equal(resultOf('{"output":{"a":1.10}}'), '{"a":1.10}');
  assert.equal(resultOf('{"output":null}'), null);
  assert.equal(resultOf('{"output":"}"}'), '"}"');
});

test('only pictures are pictures', () => {
  assert.equal(kindOfFile('a/b.PNG'), 'image');
  assert.equal(kindOfFile('x.html'), 'text');
  assert.equal(kindOfFile('x.svg.exe'), 'none');
  assert.equal(kindOfFile('x.XLSX'), 'workbook');
  assert.ok(looksLikePdf(new TextEncoder().encode('\n%PDF-1.7')) && !looksLikePdf(new TextEncoder().encode('<script>%PDF')));
  assert.equal(imageType('x.svg'), 'image/svg+xml');
});

test('the values at an axis are round and cover it', () => {
  assert.deepEqual(ticks(0, 10), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(ticks(-0.13, 0.22), [-0.1, 0, 0.1, 0.2]);
  assert.deepEqual(ticks(5, 5), [5]);
  assert.ok(ticks(1e-12, 1e12).length < 12);
  assert.equal(scale(0, 10, 100, 0)(5), 50);
  assert.equal(scale(3, 3, 0, 10)(3), 5);
});

test('results become columns, those that differ first', () => {
  assert.deepEqual(flatten({a: 1, model: {name: 'ets', aic: -2}, long: new Array(50).fill(0), short: [1, 2]}), {a: 1, 'model.name': 'ets', 'model.aic': -2, 'long.length': 50, 'short.0': 1, 'short.1': 2});
  assert.deepEqual(flatten(200), {value: 200});
  const rows = [{params: {a: 1, b: 1}, result: {value: 3}}, {params: {a: 1, b: 2}, result: {value: 4}}];
  assert.deepEqual(comparedColumns(rows).map(({part, name}) => `${part}.${name}`), ['params.b', 'result.value', 'params.a']);
  // What is still loading, or has no result, says nothing of what differs.
  assert.deepEqual(comparedColumns([...rows, {}, {params: {a: 1, b: 1}}]).map(({part, name}) => `${part}.${name}`), ['params.b', 'result.value', 'params.a']);
});

test('a comparison is saved as text that no spreadsheet runs', () => {
  assert.equal(toCsv([['a,"b"', '=cmd()', -1, null, true]]), '"a,""b""",\'=cmd(),-1,,true\r\n');
});

test('of a very wide table the first columns are kept', () => {
  const {rows, columns} = parseCsv(`${','.repeat(2 << 20)}\n1,2`);
  assert.equal(columns, (2 << 20) + 1);
  assert.deepEqual(rows.map((row) => row.length), [MOST_COLUMNS, 2]);
  assert.equal(numberColumns(rows).length, MOST_COLUMNS);
  assert.equal(parseCsv(','.repeat(300)).columns, 301);
});

test('files are shown as folders that are open or closed', () => {
  const files = ['a.csv', 'deep/b.csv', 'deep/er/c.csv', '__proto__/d', 'deep/e'].map((name) => ({name}));
  const tree = folderTree(files);
  const drawn = (open) => treeRows(tree, new Set(open)).map(({label, depth, count}) => `${' '.repeat(depth)}${label}${count ? ` ${count}` : ''}`);
  assert.deepEqual(drawn([]), ['deep 3', '__proto__ 1', 'a.csv']);
  assert.deepEqual(drawn(['deep', 'deep/er']), ['deep 3', ' er 1', '  c.csv', ' b.csv', ' e', '__proto__ 1', 'a.csv']);
  assert.deepEqual(drawn(['deep/er']), ['deep 3', '__proto__ 1', 'a.csv']);
  assert.deepEqual(foldersOf('deep/er/c.csv'), ['deep', 'deep/er']);
  assert.deepEqual(foundRows(files, 'ER/').map(({label}) => label), ['deep/er/c.csv']);
  // Paths of rows are keys: a folder and a file may have one name.
  const rows = treeRows(folderTree([{name: 'x'}, {name: 'x/y'}]), new Set(['x']));
  assert.equal(new Set(rows.map(({path}) => path)).size, 3);
});

test('columns of a comparison keep their digits, whatever they are called', () => {
  const [one, other] = ['9007199254740992', '9007199254740993'].map((seed) => ({params: flatten({seed: new WrittenNumber(seed), ...JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}')}), result: {}}));
  assert.deepEqual(comparedColumns([one, other, {params: {}}]).map(({name, differs}) => [name, differs]), [['seed', true], ['__proto__.x', true], ['constructor', true]]);
  assert.deepEqual([one, other].map(({params}) => asText(params.seed)), ['9007199254740992', '9007199254740993']);
  assert.equal(Object.keys(flatten(parseJson('{"__proto__": 1}')))[0], '__proto__');
  assert.equal(ownValue({}, 'constructor'), undefined);
  assert.equal(asNumber(new WrittenNumber('1.10')), 1.1);
  assert.ok(Number.isNaN(asNumber('1')));
});

test('a CSV for a spreadsheet whose decimals have a comma', () => {
  assert.equal(toCsv([['a;b', 1.5, new WrittenNumber('1.10'), 'x,y', null, -2]], true), '"a;b";1,5;1,10;"x,y";;-2\r\n');
});

test('colours of a log: of 256, of red, green and blue, on a ground, and over the end of a line', () => {
  const classes = (line, style) => ansiParts(line, style).parts.map(({class: name}) => name);
  assert.deepEqual(classes('\u001b[38;5;196mred\u001b[38;2;10;200;10mgreen\u001b[48;5;21mon blue\u001b[49;39mplain'), ['ansi-1', 'ansi-2', 'ansi-2 ansi-on-4', '']);
  assert.deepEqual(classes('\u001b[97;101mx\u001b[38;5;244my\u001b[38;2mz'), ['ansi-7 ansi-on-1']);
  const lines = ['\u001b[31mfirst', 'second', 'third\u001b[0m', 'fourth'];
  assert.deepEqual([0, 1, 2, 3].map((line) => classes(lines[line], styleBefore(line, (at) => lines[at]))[0]), ['ansi-1', 'ansi-1', 'ansi-1', '']);
});
